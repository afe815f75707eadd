"""A signed webhook, for caches that have no purger of their own.

`POST` with the body `{"purges": [{"id": ..., "revision": ..., "tag": ..., "paths": [...]}, ...]}`. The header
`X-Pymager-Timestamp` is the time in seconds since 1970. `X-Pymager-Signature` is `sha256=` and the hexadecimal
HMAC-SHA256 (RFC 2104) of the timestamp, a period, and the body. Any status from 200 to 299 confirms all purges of the
request.
"""

import hmac
import time
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import urlsplit

import orjson

from pymager.errors import ConfigurationError
from pymager.ports import PurgeTarget
from pymager_purgers.http import ApiClient, HttpPurger, failure
from pymager_purgers.options import Options

MIN_SECRET_LENGTH = 32
_FORM = "webhook+https://HOST/PATH#secret-file=PATH"
_MAX_HOST_LENGTH = 80


class Webhook(HttpPurger):
    """`webhook+https://HOST/PATH#secret-file=/run/secrets/webhook`, or `secret=` with at least 32 characters.

    The options are behind `#`: what is before it is the URL that gets the requests, also its query.
    """

    max_batch = 100
    tag_header: str | None = None

    def __init__(self, url: str) -> None:
        scheme, _, _ = url.partition(":")
        target, _, fragment = url.partition("#")
        self._url = target.removeprefix("webhook+")
        try:
            parts = urlsplit(self._url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            host = None
        is_valid = self._url.isascii() and self._url.isprintable() and "@" not in parts.netloc if host else False
        if not is_valid:
            raise ConfigurationError(f"{scheme}: must be written {_FORM}, without credentials")
        options = Options.parse(scheme, fragment, ("secret", "secret-file", "timeout"))
        secret = options.secret("secret", min_length=MIN_SECRET_LENGTH)
        assert secret is not None
        self._secret = secret.encode()
        self._client = ApiClient(options.timeout)
        # Paths of webhooks can be secrets.
        self.name = f"webhook:{parts.netloc[:_MAX_HOST_LENGTH]}-{sha256(self._url.encode()).hexdigest()[:8]}"

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """One request."""
        body = orjson.dumps({"purges": [_content(target) for target in targets]})
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Pymager-Timestamp": timestamp,
            "X-Pymager-Signature": signature(self._secret, timestamp, body),
        }
        response = await self._client.call("POST", self._url, headers, body)
        if not 200 <= response.status < 300:
            raise failure(response)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of `X-Pymager-Signature`."""
    return "sha256=" + hmac.digest(secret, timestamp.encode() + b"." + body, "sha256").hex()


def _content(target: PurgeTarget) -> dict[str, object]:
    return {"id": target.id, "revision": target.revision, "tag": target.tag, "paths": target.paths}
