"""Where DynamoDB is: what the URL leaves open, the AWS configuration tells."""

import asyncio
import os
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from yarl import URL

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb.address import Address
from pymager_dynamodb.credentials import new_session


@dataclass(frozen=True, slots=True)
class Place:
    """A region, and the endpoint that serves it."""

    region: str
    endpoint: URL

    @property
    def host(self) -> str:
        """The value of the header Host, RFC 9110, section 7.2: the port where it is not the scheme's own."""
        host = self.endpoint.host_subcomponent or ""
        return host if self.endpoint.is_default_port() else f"{host}:{self.endpoint.port}"


async def located(address: Address) -> Place:
    """The place that the address means. Raises `ConfigurationError` and `Unavailable`."""
    region = address.region or os.environ.get("AWS_REGION")
    if region and address.endpoint is not None:
        return Place(region, address.endpoint)
    try:
        async with asyncio.timeout(address.timeout):
            return await asyncio.to_thread(_configured, address, region)
    except TimeoutError:
        raise Unavailable("the AWS configuration did not come in time", outcome_known=True) from None


def _configured(address: Address, region: str | None) -> Place:
    try:
        session = new_session(address.profile)
        region = region or session.get_config_variable("region")
        if not region:
            raise ConfigurationError("no AWS region is known; say it in the URL: dynamodb://TABLE?region=eu-west-1")
        if address.endpoint is not None:
            return Place(region, address.endpoint)
        client = session.create_client("dynamodb", region_name=region)  # it knows the endpoints of all regions
    except BotoCoreError as error:
        raise ConfigurationError(f"the AWS configuration is not right: {error}") from error
    return Place(region, URL(client.meta.endpoint_url).origin())
