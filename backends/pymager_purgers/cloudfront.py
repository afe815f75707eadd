"""Amazon CloudFront: CreateInvalidation, by cache tags or by paths.

The request: https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html
Tags: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-by-tags.html
Paths: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
Limits: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html
"""

import re
import secrets
from collections.abc import Sequence
from hashlib import sha256
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pymager.errors import ConfigurationError, PurgeFailed, Unavailable
from pymager.ports import PurgeTarget
from pymager_aws.credentials import Credentials, Key
from pymager_aws.sigv4 import Signer
from pymager_purgers.http import ApiClient, ApiResponse, HttpPurger, failure
from pymager_purgers.options import split_id

_API_VERSION = "2020-05-31"
_REGION = "us-east-1"  # CloudFront is a global service, signed for this region
_MAX_TAGS = 100
_NAMESPACE = f"http://cloudfront.amazonaws.com/doc/{_API_VERSION}/"
_CONTENT_TYPE = (("content-type", "text/xml"),)
_CODE = re.compile(rb"<Code>([A-Za-z]{1,100})</Code>")
_THROTTLED_CODES = ("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException")
_REJECTED_CREDENTIALS = ("ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch")
_THROTTLED_SECONDS = 10.0


class CloudFront(HttpPurger):
    """`cloudfront:DISTRIBUTION`, with the credentials of the AWS environment, or of `profile=`.

    `by=tags` needs a distribution whose CacheTagConfig names the header `Cache-Tag`. `by=paths` needs no configuration,
    but CloudFront works on 15 paths with a wildcard at a time, and an original has four or eight. The credentials need
    the permission `cloudfront:CreateInvalidation`.
    """

    def __init__(self, url: str) -> None:
        distribution, options = split_id(
            url, "cloudfront:DISTRIBUTION?by=tags", ("by", "profile", "endpoint", "timeout")
        )
        self._by_tags = options.choice("by", "tags", "paths") == "tags"
        self.max_batch = _MAX_TAGS if self._by_tags else 1
        self.tag_header: str | None = "cache-tag" if self._by_tags else None
        self.name = f"cloudfront:{distribution}"
        endpoint = options.origin("endpoint", "https://cloudfront.amazonaws.com")
        self._path = f"/{_API_VERSION}/distribution/{distribution}/invalidation"
        self._url = f"{endpoint}{self._path}"
        self._signer = Signer("cloudfront", _REGION, urlsplit(endpoint).netloc)
        self._credentials = Credentials(options.values.get("profile") or None)
        self._client = ApiClient(options.timeout)
        self._timeout = options.timeout

    async def __aenter__(self) -> Self:
        """Look the credentials up. Without them, this raises `ConfigurationError`."""
        try:
            await self._credentials.get(self._timeout)
        except Unavailable:
            pass  # a purge looks them up again
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.name}: {error}") from None
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        await self._credentials.close()

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """One invalidation, which CloudFront has accepted when this returns. It needs some more seconds to take effect.

        A `CallerReference` that was used before would name the earlier invalidation, so each request has another one.
        """
        if self._by_tags:
            items = [f"#{target.tag}" for target in targets]
        else:
            items = [path for target in targets for path in target.paths]
        body = _document(items, secrets.token_hex(16))
        key = await self._key()
        headers = self._signer.headers(key, "POST", self._path, _CONTENT_TYPE, sha256(body).hexdigest())
        response = await self._client.call("POST", self._url, headers, body)
        if response.status != 201:
            raise self._failure(response)

    async def _key(self) -> Key:
        try:
            return self._credentials.key or await self._credentials.get(self._timeout)
        except (ConfigurationError, Unavailable) as error:
            raise PurgeFailed(f"no AWS credentials: {error}") from None

    def _failure(self, response: ApiResponse) -> PurgeFailed:
        match = _CODE.search(response.body)
        code = match[1].decode() if match else ""
        if code in _REJECTED_CREDENTIALS:
            self._credentials.forget()
        if code in _THROTTLED_CODES:
            return PurgeFailed(f"status {response.status}: {code}", retry_after=_THROTTLED_SECONDS)
        return failure(response, code)


def _document(items: Sequence[str], reference: str) -> bytes:
    paths = "".join(f"<Path>{escape(item)}</Path>" for item in items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<InvalidationBatch xmlns="{_NAMESPACE}"><CallerReference>{reference}'
        f"</CallerReference><Paths><Items>{paths}</Items><Quantity>{len(items)}</Quantity></Paths></InvalidationBatch>"
    ).encode()
