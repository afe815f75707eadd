"""Who may read a picture: everyone, or whoever has a signed URL or credentials; and who may cache it then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from pymager.errors import OptionNotAllowed, SignatureMisused, SignatureRequired, SizeNotAllowed
from pymager.variants.grammar import Requested
from pymager.variants.signatures import EXPIRY, SIGNATURE, Keyring, Target, parse_target
from pymager.variants.urls import VariantUrls
from pymager.web.auth import Auth
from pymager.web.cache_control import CacheControl

Mode = Literal["optional", "required", "off"]


@dataclass(frozen=True, slots=True)
class Grant:
    """Why a request may read: its URL is signed, it has credentials, or everyone may.

    `expires` is the time when the signature expires, in seconds since 1970.
    """

    is_signed: bool = False
    has_credentials: bool = False
    expires: int | None = None

    @property
    def is_public(self) -> bool:
        """Whether everyone may send this request: only what the policy allows is then served."""
        return not (self.is_signed or self.has_credentials)


PUBLIC = Grant()


def has_credentials(headers: Mapping[str, str]) -> bool:
    """Whether a request names credentials, right or wrong."""
    return "Authorization" in headers


class Access:
    """Checks signatures and, where these are required, credentials.

    `cdn_keys_on_query` says that shared caches do not serve the response to a signed URL under another URL.
    """

    def __init__(self, mode: Mode, keys: Keyring, auth: Auth, *, cdn_keys_on_query: bool = False) -> None:
        self.is_required = mode == "required"
        self._is_off = mode == "off"
        self._keys = keys
        self._auth = auth
        self._cdn_keys_on_query = cdn_keys_on_query

    def parse(self, request: web.BaseRequest) -> Target:
        """The request's target, taken apart. Raises `SignatureMisused`, also if signatures are off."""
        target = parse_target(request.raw_path)
        if self._is_off and target.signature is not None:
            raise SignatureMisused(
                f"'{SIGNATURE}' and '{EXPIRY}' are not accepted, because signed URLs are off; to enable them, set "
                "PYMAGER_SIGNING_KEYS, and PYMAGER_SIGNATURES to optional or required"
            )
        return target

    async def check(self, request: web.Request, target: Target) -> Grant:
        """Why the request may read. Looks nothing up in a store.

        Raises `SignatureRejected` and `SignatureRequired`, and if the request has credentials but no signature while
        signatures are required, what `Auth.require` raises.
        """
        if target.signature is not None:
            return Grant(is_signed=True, expires=self._keys.verify(target))
        if not self.is_required:
            return PUBLIC
        if not has_credentials(request.headers) or not self._auth.has_credentials:
            raise SignatureRequired(
                "this picture is private: the URL needs a signature, or the request needs credentials; "
                "`pymager sign` signs a URL"
            )
        await self._auth.require(request)
        return Grant(has_credentials=True)

    async def check_variant(
        self, request: web.Request, target: Target, urls: VariantUrls, requested: Requested
    ) -> Grant:
        """As `check`, for what the URL of a variant asks for. Credentials are as good as a signature.

        Where the policy allows a variant to everyone, nobody looks at credentials. Raises what `check` and
        `VariantUrls.check` raise, and for credentials that are needed and wrong what `Auth.require` raises.
        """
        grant = await self.check(request, target)
        try:
            urls.check(requested, signed=not grant.is_public)
        except (SizeNotAllowed, OptionNotAllowed):
            if not (grant.is_public and has_credentials(request.headers) and self._auth.has_credentials):
                raise
            await self._auth.require(request)
            urls.check(requested, signed=True)
            return Grant(has_credentials=True)
        return grant

    def headers(self, common: dict[str, str], grant: Grant) -> dict[str, str]:
        """The headers of every picture, with the `Cache-Control` that this grant allows."""
        is_private = grant.has_credentials or (
            self.is_required and grant.is_signed and grant.expires is None and not self._cdn_keys_on_query
        )
        if not is_private and grant.expires is None:
            return common
        control = CacheControl.parse(common["Cache-Control"])
        if is_private:
            control = control.private()
        if grant.expires is not None:
            control = control.until(self._keys.remaining_seconds(grant.expires))
        return {**common, "Cache-Control": str(control)}
