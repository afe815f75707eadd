"""Who may write and list: Basic users with argon2 hashes, and bearer tokens (RFC 7617, RFC 6750)."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic

from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pymager.errors import Overloaded
from pymager.web.failures import Unauthorized, WritingClosed

_REMEMBERED = 300.0
_MOST_REMEMBERED = 1_024
_AT_ONCE = 1
_MOST_WAITING = 16
_LONGEST_PASSWORD = 1_024


class Auth:
    """Checks credentials. A password that was right is remembered for five minutes, under a keyed hash."""

    def __init__(self, users: Mapping[str, str], tokens: Mapping[str, str]) -> None:
        self._users = dict(users)
        self._tokens = {bytes.fromhex(hash): name for name, hash in tokens.items()}
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def require(self, request: web.Request) -> str:
        """The name of who asks. Raises `Unauthorized`, `WritingClosed` and `Overloaded`."""
        if not self._users and not self._tokens:
            raise WritingClosed("writing is closed until users or tokens are configured: PYMAGER_USERS, PYMAGER_TOKENS")
        header = request.headers.get("Authorization")
        if header is None:
            raise Unauthorized("this needs credentials: Basic, or a bearer token")
        scheme, _, value = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return self._bearer(value.strip())
            case "basic":
                return await self._basic(value.strip())
        raise Unauthorized("the credentials have to be Basic or Bearer")

    def _bearer(self, token: str) -> str:
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = ""
        for known, name in self._tokens.items():
            if hmac.compare_digest(known, digest):
                found = name
        if not found:
            raise Unauthorized("the bearer token is not a known one")
        return found

    async def _basic(self, value: str) -> str:
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            raise Unauthorized("the Basic credentials are not base64 of name:password in UTF-8") from None
        if not colon or len(password) > _LONGEST_PASSWORD:
            raise Unauthorized("the Basic credentials are not name:password")
        proof = hmac.digest(self._key, value.encode(), "sha256")
        known, until = self._right.get(proof, ("", 0.0))
        if known and monotonic() < until:
            return known
        if not await self._verified(name, password):
            raise Unauthorized("the name or the password is wrong")
        self._right[proof] = (name, monotonic() + _REMEMBERED)
        if len(self._right) > _MOST_REMEMBERED:
            self._right.popitem(last=False)
        return name

    async def _verified(self, name: str, password: str) -> bool:
        """Costs the same for a name that nobody has. One at a time: guessing must not take the processor."""
        if self._waiting >= _MOST_WAITING:
            raise Overloaded("too many credentials are being checked", retry_after=2)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._matches, self._users.get(name, self._nobody), password)
        finally:
            self._waiting -= 1

    def _matches(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False
