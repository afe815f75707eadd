"""AWS Signature Version 4 in the Authorization header (AWS General Reference, "Signing AWS API requests")."""

import hmac
import time
from dataclasses import dataclass
from hashlib import sha256

from pymager_aws.credentials import Key

Headers = tuple[tuple[str, str], ...]

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class _Canonical:
    """The headers that the requests of one second share, and their canonical form for the signature."""

    headers: dict[str, str]
    lines: str
    names: str


class Signer:
    """Signs requests to one host of a service in one region.

    The signing key is derived once a day. The headers that the requests of one second share are built once.
    """

    def __init__(self, service: str, region: str, host: str) -> None:
        self._service = service
        self._region = region
        self._host = host
        self._key: Key | None = None
        self._signing_key = b""
        self._date = self._scope = ""
        self._second = 0
        self._canonical: dict[Headers, _Canonical] = {}

    def headers(self, key: Key, method: str, path: str, extra: Headers, payload_sha256: str) -> dict[str, str]:
        """The headers of a signed request without a query: `extra`, host, date, session token and signature.

        `path` is quoted. Names in `extra` are in lower case. All headers are signed. Use few
        different values of `extra`: each is cached for a second.
        """
        second = int(time.time())
        if second != self._second or key is not self._key:
            self._update(key, second)
        canonical = self._canonical.get(extra) or self._canonicalize(extra, key)
        request = f"{method}\n{path}\n\n{canonical.lines}\n{canonical.names}\n{payload_sha256}"
        text = f"{_ALGORITHM}\n{self._date}\n{self._scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key, text.encode(), "sha256").hex()
        authorization = (
            f"{_ALGORITHM} Credential={key.id}/{self._scope},SignedHeaders={canonical.names},Signature={signature}"
        )
        return canonical.headers | {"authorization": authorization}

    def _canonicalize(self, extra: Headers, key: Key) -> _Canonical:
        headers = {"host": self._host, "x-amz-date": self._date, **dict(extra)}
        if key.token:
            headers["x-amz-security-token"] = key.token
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        self._canonical[extra] = canonical = _Canonical(headers, lines, ";".join(sorted(headers)))
        return canonical

    def _update(self, key: Key, second: int) -> None:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = date[:8]
        if key is not self._key or day != self._date[:8]:
            self._signing_key = _signing_key(key, day, self._region, self._service)
            self._scope = f"{day}/{self._region}/{self._service}/aws4_request"
        self._key, self._date, self._second = key, date, second
        self._canonical.clear()


def _signing_key(key: Key, day: str, region: str, service: str) -> bytes:
    derived = f"AWS4{key.secret}".encode()
    for part in (day, region, service, "aws4_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return derived
