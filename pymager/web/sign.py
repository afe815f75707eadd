"""`POST /sign`: signs the URL of a picture for whoever has credentials, so that no browser needs a key."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from pymager.settings import translation
from pymager.settings.model import Settings
from pymager.variants.signing import UrlSigner
from pymager.web import bodies
from pymager.web.app_keys import AUTH, BODY_LIMITS
from pymager.web.failures import BadRequest, SigningDisabled

MAX_URL_CHARACTERS = 4_096
MAX_EXPIRY_SECONDS = 100 * 365 * 86_400
_MAX_BODY_BYTES = 16 * 1024
_FIELDS = frozenset({"url", "expires_in"})
_EXAMPLE = '{"url": "/derived/cat-800x600.jpg", "expires_in": 3600}'


def sign(settings: Settings) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler. Its response is 409 if no key can sign."""
    signer = None
    if settings.signing_keys and settings.signatures != "off":
        signer = translation.url_signer(settings)

    async def handler(request: web.Request) -> web.Response:
        await request.app[AUTH].require(request)
        body = await bodies.small_body(request, request.app[BODY_LIMITS], _MAX_BODY_BYTES)
        url, seconds = _parsed(body)
        return _signed(signer, url, seconds)

    return handler


def _signed(signer: UrlSigner | None, url: str, seconds: int | None) -> web.Response:
    if signer is None:
        raise SigningDisabled("no URL can be signed: PYMAGER_SIGNING_KEYS has no key, or PYMAGER_SIGNATURES is off")
    signed, expires = signer.sign(url, seconds)
    return web.Response(
        body=orjson.dumps({"url": signed, "expires": expires}),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


def _parsed(body: bytes) -> tuple[str, int | None]:
    """The URL, and for how many seconds its signature is valid; None for ever."""
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or not given.keys() <= _FIELDS:
        raise BadRequest(f"the body must be JSON with the fields url and expires_in, such as {_EXAMPLE}")
    url, seconds = given.get("url"), given.get("expires_in")
    if not isinstance(url, str) or not 0 < len(url) <= MAX_URL_CHARACTERS:
        raise BadRequest(
            f"the field url must be text of 1 to {MAX_URL_CHARACTERS} characters, such as /derived/cat-800x600.jpg"
        )
    if seconds is None:
        return url, None
    if isinstance(seconds, float) and seconds.is_integer():  # JSON has one kind of numbers
        seconds = int(seconds)
    if type(seconds) is not int or not 0 < seconds <= MAX_EXPIRY_SECONDS:
        raise BadRequest(
            f"the field expires_in must be a whole number of seconds from 1 to {MAX_EXPIRY_SECONDS}, or null"
        )
    return url, seconds
