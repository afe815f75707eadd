"""The headers of responses: those of every response, and those of every picture."""

from collections.abc import Mapping

from pymager.settings.model import Settings
from pymager.telemetry.context import NO_TIER, RequestContext

SERVER = "pymager"


def picture_headers(settings: Settings) -> dict[str, str]:
    """What every picture has. Originals are strangers' bytes: no browser may take them for a page."""
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


def representation(
    common: dict[str, str], etag: str, last_modified: str, content_type: str | None = None, size: int | None = None
) -> dict[str, str]:
    """The headers of a picture, or of its 304: that has no `content_type` and no `size` (RFC 9110 section 15.4.5)."""
    headers = {**common, "ETag": f'"{etag}"', "Last-Modified": last_modified}
    if content_type is not None:
        headers["Content-Type"] = content_type
    if size is not None:
        headers["Content-Length"] = str(size)
    return headers


def of_response(context: RequestContext) -> dict[str, str]:
    """What every response has: the request's id, and no more about the program than its name."""
    headers = {"X-Request-ID": context.id, "Server": SERVER}
    if context.timings is not None and context.tier != NO_TIER:
        headers["Server-Timing"] = context.timings.header(context.tier)
    return headers


def written_of_response(context: RequestContext) -> str:
    """What `of_response` says, as it is sent. On the hot path, where a dictionary would be felt."""
    if context.timings is not None:
        return written(of_response(context))
    return f"X-Request-ID: {context.id}\r\nServer: {SERVER}\r\n"


def written(headers: Mapping[str, str]) -> str:
    """Header fields as HTTP/1.1 sends them (RFC 9112 section 5)."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
