"""Signatures of requests, AWS Signature Version 4.

As aiodynamo's, but with the key of the day derived once a day and not once a request, the time written once a
second, the port and the session token signed too.
"""

import hashlib
import hmac
import time
from datetime import UTC, datetime

from aiodynamo.credentials import Key
from aiodynamo.sign import ALGORITHM, API_VERSION, CONTENT_TYPE, SERVICE, Instant, derive_signing_key

_sha256 = hashlib.sha256


class Signer:
    """Signs requests to one host of one region."""

    def __init__(self, region: str, host: str) -> None:
        self._region = region
        self._host = host
        self._key: Key | None = None
        self._secret = b""
        self._date = self._timestamp = self._scope = ""
        self._second = 0

    def headers(self, key: Key, action: str, body: bytes) -> dict[str, str]:
        """All headers of a POST of `body` that does `action`."""
        second = int(time.time())
        if second != self._second or key is not self._key:
            self._turn(key, second)
        target = f"{API_VERSION}.{action}"
        token = f"x-amz-security-token:{key.token}\n" if key.token else ""
        names = f"content-type;host;x-amz-date;{'x-amz-security-token;' if key.token else ''}x-amz-target"
        request = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{self._timestamp}\n"
            f"{token}x-amz-target:{target}\n\n{names}\n{_sha256(body).hexdigest()}"
        )
        text = f"{ALGORITHM}\n{self._timestamp}\n{self._scope}\n{_sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._secret, text.encode(), "sha256").hex()
        headers = {
            "Host": self._host,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Date": self._timestamp,
            "X-Amz-Target": target,
            "Authorization": (
                f"{ALGORITHM} Credential={key.id}/{self._scope}, SignedHeaders={names}, Signature={signature}"
            ),
        }
        if key.token:
            headers["X-Amz-Security-Token"] = key.token
        return headers

    def _turn(self, key: Key, second: int) -> None:
        instant = Instant(datetime.fromtimestamp(second, UTC))
        if key is not self._key or instant.date != self._date:
            self._secret = derive_signing_key(key, instant, self._region)
            self._scope = f"{instant.date}/{self._region}/{SERVICE}/aws4_request"
        self._key, self._date, self._timestamp, self._second = key, instant.date, instant.timestamp, second
