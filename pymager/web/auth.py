"""Checks who may write and list: Basic users with argon2 hashes, and bearer tokens (RFC 7617, RFC 6750)."""

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
from pymager.web.failures import Unauthorized, WritesDisabled

_CACHE_TTL_SECONDS = 300.0
_MAX_CACHED_CREDENTIALS = 1_024
_MAX_CONCURRENT_CHECKS = 1  # so that guessing passwords cannot use all of the CPU
_MAX_PENDING_CHECKS = 16
_MAX_PASSWORD_CHARACTERS = 1_024
_RETRY_AFTER_SECONDS = 2


class Auth:
    """Checks credentials. Caches for five minutes that credentials are right, under a keyed hash of them."""

    def __init__(self, users: Mapping[str, str], tokens: Mapping[str, str]) -> None:
        self._users = dict(users)
        self._tokens = {bytes.fromhex(hash): name for name, hash in tokens.items()}
        self._hasher = PasswordHasher()
        self._dummy_hash = self._hasher.hash(secrets.token_hex(16))
        self._cache_key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._checks = asyncio.Semaphore(_MAX_CONCURRENT_CHECKS)
        self._pending_checks = 0

    async def require(self, request: web.Request) -> str:
        """The name of the user or token. Raises `Unauthorized`, `WritesDisabled` and `Overloaded`."""
        if not self._users and not self._tokens:
            raise WritesDisabled("writing is disabled: set PYMAGER_USERS or PYMAGER_TOKENS to enable it")
        header = request.headers.get("Authorization")
        if header is None:
            raise Unauthorized("this request needs credentials: Basic, or a bearer token")
        scheme, _, value = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return self._check_token(value.strip())
            case "basic":
                return await self._check_basic(value.strip())
        raise Unauthorized("the scheme of the credentials must be Basic or Bearer")

    def _check_token(self, token: str) -> str:
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = ""
        for known, name in self._tokens.items():
            if hmac.compare_digest(known, digest):
                found = name
        if not found:
            raise Unauthorized("the bearer token is wrong")
        return found

    async def _check_basic(self, value: str) -> str:
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            raise Unauthorized("Basic credentials must be name:password in UTF-8, encoded as base64") from None
        if not colon:
            raise Unauthorized("Basic credentials must be name:password, but there is no colon")
        if len(password) > _MAX_PASSWORD_CHARACTERS:
            raise Unauthorized(f"the password must have at most {_MAX_PASSWORD_CHARACTERS} characters")
        digest = hmac.digest(self._cache_key, value.encode(), "sha256")
        cached_name, expires = self._cache.get(digest, ("", 0.0))
        if cached_name and monotonic() < expires:
            return cached_name
        if not await self._verify(name, password):
            raise Unauthorized("the name or the password is wrong")
        self._cache[digest] = (name, monotonic() + _CACHE_TTL_SECONDS)
        if len(self._cache) > _MAX_CACHED_CREDENTIALS:
            self._cache.popitem(last=False)
        return name

    async def _verify(self, name: str, password: str) -> bool:
        """Whether the password is the user's. Takes the same time for an unknown name."""
        if self._pending_checks >= _MAX_PENDING_CHECKS:
            raise Overloaded("too many passwords are being checked; try again", retry_after=_RETRY_AFTER_SECONDS)
        self._pending_checks += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(self._matches, self._users.get(name, self._dummy_hash), password)
        finally:
            self._pending_checks -= 1

    def _matches(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False
