"""DynamoDB's endpoint and region, from the URL or the AWS configuration."""

import asyncio
import os
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from yarl import URL

from pymager.errors import ConfigurationError, Unavailable
from pymager_aws.session import configured_region, new_session
from pymager_dynamodb.url import DynamoUrl


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A region, and the origin that serves it."""

    region: str
    url: URL

    @property
    def host(self) -> str:
        """The value of the Host header, RFC 9110, section 7.2: with the port unless it is the scheme's default."""
        host = self.url.host_subcomponent or ""
        return host if self.url.is_default_port() else f"{host}:{self.url.port}"


async def find_endpoint(url: DynamoUrl) -> Endpoint:
    """Raises `ConfigurationError` and `Unavailable`."""
    region = url.region or os.environ.get("AWS_REGION")
    if region and url.endpoint is not None:
        return Endpoint(region, URL(url.endpoint))
    try:
        async with asyncio.timeout(url.timeout):
            return await asyncio.to_thread(_configured_endpoint, url)
    except TimeoutError:
        raise Unavailable("reading the AWS configuration took too long", outcome_known=True) from None


def _configured_endpoint(url: DynamoUrl) -> Endpoint:
    session = new_session(url.profile)
    region = url.region or configured_region(session)
    if not region:
        raise ConfigurationError("the AWS region is not configured; set region= in the dynamodb URL or AWS_REGION")
    if url.endpoint is not None:
        return Endpoint(region, URL(url.endpoint))
    try:
        client = session.create_client("dynamodb", region_name=region)  # it knows the endpoints of all regions
    except BotoCoreError as error:
        raise ConfigurationError(f"invalid AWS configuration: {error}") from error
    return Endpoint(region, URL(client.meta.endpoint_url).origin())
