"""Checks credentials: Basic users with argon2 hashes, and bearer tokens (RFC 7617, RFC 6750)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from aiohttp import web

from pymager.telemetry.observer import OFF, Observer
from pymager.web.failures import Unauthorized, WritesDisabled
from pymager.web.password_checks import CPU_SHARE, PasswordChecks
from pymager.web.request_context import CONTEXT
from pymager.workers.client_groups import client_group

_MAX_PASSWORD_CHARACTERS = 1_024


class Auth:
    """Checks credentials. `cpu_share` is the part of one core that verifying passwords can take."""

    def __init__(
        self,
        users: Mapping[str, str],
        tokens: Mapping[str, str],
        *,
        cpu_share: float = CPU_SHARE,
        observer: Observer = OFF,
    ) -> None:
        self._has_users = bool(users)
        self._tokens = {bytes.fromhex(hash): name for name, hash in tokens.items()}
        self._passwords = PasswordChecks(users, cpu_share=cpu_share, observer=observer)

    @property
    def has_credentials(self) -> bool:
        """Whether there are users or tokens."""
        return self._has_users or bool(self._tokens)

    async def require(self, request: web.Request) -> str:
        """The name of the user or token.

        Raises `Unauthorized`, `TooManyFailures`, `WritesDisabled` and `Overloaded`.
        """
        if not self.has_credentials:
            raise WritesDisabled(
                "nobody can upload, delete, list or sign, because no credentials are configured; set PYMAGER_USERS or "
                "PYMAGER_TOKENS"
            )
        header = request.headers.get("Authorization")
        if header is None:
            raise Unauthorized("this request needs credentials: Basic, or a bearer token")
        scheme, _, value = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return self._check_token(value.strip())
            case "basic":
                return await self._check_basic(value.strip(), client_group(request[CONTEXT].client))
        raise Unauthorized("the scheme of the credentials must be Basic or Bearer")

    def close(self) -> None:
        """Stop checking passwords."""
        self._passwords.close()

    def _check_token(self, token: str) -> str:
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = ""
        for known, name in self._tokens.items():
            if hmac.compare_digest(known, digest):
                found = name
        if not found:
            raise Unauthorized("the bearer token is wrong")
        return found

    async def _check_basic(self, value: str, client: str) -> str:
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            raise Unauthorized("Basic credentials must be name:password in UTF-8, encoded as base64") from None
        if not colon:
            raise Unauthorized("Basic credentials must be name:password, but they contain no colon")
        if len(password) > _MAX_PASSWORD_CHARACTERS:
            raise Unauthorized(f"the password must have at most {_MAX_PASSWORD_CHARACTERS} characters")
        await self._passwords.require(name, password, client)
        return name
