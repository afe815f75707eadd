"""Response headers: those of every response, and those of pictures."""

from collections.abc import Mapping
from types import MappingProxyType

from pymager.settings.model import Settings
from pymager.telemetry.context import NO_TIER, RequestContext
from pymager.variants.variant import AUTO

SERVER = "pymager"
VARY: Mapping[str, str] = MappingProxyType({"Vary": "Accept"})
"""The header of every response for a URL whose format is negotiated (RFC 9110 section 12.5.5)."""
_NEGOTIATED_PREFIX = "/derived/"
_NEGOTIATED_SUFFIX = f".{AUTO}"


def picture_headers(settings: Settings) -> dict[str, str]:
    """The headers of every picture. Originals are untrusted bytes: no browser may render them as a page."""
    headers = {
        "Cache-Control": settings.cache_control,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if settings.cors_origin:
        headers["Access-Control-Allow-Origin"] = settings.cors_origin
        headers["Access-Control-Expose-Headers"] = "ETag, Content-Range, X-Request-ID"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if settings.server_timing:
            headers["Timing-Allow-Origin"] = settings.cors_origin  # W3C Resource Timing
    return headers


def is_negotiated(path: str) -> bool:
    """Whether the responses for this decoded path depend on `Accept`."""
    return path.startswith(_NEGOTIATED_PREFIX) and path[-len(_NEGOTIATED_SUFFIX) :].lower() == _NEGOTIATED_SUFFIX


def representation(
    common: dict[str, str],
    etag: str,
    last_modified: str | None,
    content_type: str | None = None,
    size: int | None = None,
) -> dict[str, str]:
    """The headers of a picture, or of its 304 without `content_type` and `size` (RFC 9110 section 15.4.5)."""
    headers = {**common, "ETag": f'"{etag}"'}
    if last_modified is not None:
        headers["Last-Modified"] = last_modified
    if content_type is not None:
        headers["Content-Type"] = content_type
    if size is not None:
        headers["Content-Length"] = str(size)
    return headers


def response_headers(context: RequestContext) -> dict[str, str]:
    """The headers of every response. `Server` names the program without its version."""
    headers = {"X-Request-ID": context.id, "Server": SERVER}
    if context.timings is not None and context.tier != NO_TIER:
        headers["Server-Timing"] = context.timings.header(context.tier)
    return headers


def serialized_response_headers(context: RequestContext) -> str:
    """`response_headers` as HTTP/1.1 sends them. For the hot path: without timings it builds no dictionary."""
    if context.timings is not None:
        return serialize(response_headers(context))
    return f"X-Request-ID: {context.id}\r\nServer: {SERVER}\r\n"


def serialize(headers: Mapping[str, str]) -> str:
    """Headers as HTTP/1.1 sends them (RFC 9112 section 5)."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
