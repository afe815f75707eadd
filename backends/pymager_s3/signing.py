"""Signs GETs for S3, "Authenticating requests: using the Authorization header (AWS Signature Version 4)"."""

import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from obstore.store import S3Credential

_EMPTY = sha256(b"").hexdigest()
_EARLY = timedelta(minutes=1)


@lru_cache(maxsize=4)
def _written(stamp: int) -> str:
    """Seconds since 1970 as the signature writes a time."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(stamp))


class Signer:
    """Heads of signed GETs for one bucket; a day's key is derived once."""

    def __init__(self, host: str, root: str, region: str, credentials: Callable[[], Awaitable["S3Credential"]]) -> None:
        """`root` is the path that stands before every key: `/`, or `/BUCKET/` in path style."""
        self._host = host
        self._root = root
        self._region = region
        self._credentials = credentials
        self._held: S3Credential | None = None
        self._ends = datetime.min.replace(tzinfo=UTC)
        self._day = ""
        self._key = b""

    async def head(self, name: str, extra: str) -> bytes:
        """The request's head for the object `name`; `extra` are lines of headers that are not signed."""
        if self._held is None or datetime.now(UTC) > self._ends:
            await self._renew()
        held = self._held
        assert held is not None
        moment = _written(int(time.time()))
        token = held.get("token")
        names = "host;x-amz-content-sha256;x-amz-date"
        headers = f"host:{self._host}\nx-amz-content-sha256:{_EMPTY}\nx-amz-date:{moment}\n"
        if token:
            names += ";x-amz-security-token"
            headers += f"x-amz-security-token:{token}\n"
        path = quote(f"{self._root}{name}")
        canonical = f"GET\n{path}\n\n{headers}\n{names}\n{_EMPTY}"
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(moment[:8], held["secret_access_key"]), to_sign.encode(), "sha256").hex()
        return (
            f"GET {path} HTTP/1.1\r\n{headers.replace(chr(10), chr(13) + chr(10))}"
            f"authorization:AWS4-HMAC-SHA256 Credential={held['access_key_id']}/{scope},SignedHeaders={names},"
            f"Signature={signature}\r\nuser-agent:pymager\r\n{extra}\r\n"
        ).encode()

    def forget(self) -> None:
        """Look for credentials anew before the next request: these were refused."""
        self._held = None

    async def _renew(self) -> None:
        self._held = found = await self._credentials()
        self._ends = (found.get("expires_at") or datetime.max.replace(tzinfo=UTC)) - _EARLY
        self._day = ""

    def _key_of(self, day: str, secret: str) -> bytes:
        if day != self._day:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key
