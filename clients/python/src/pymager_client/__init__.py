"""Client for pymager, which stores original pictures and serves variants of them.

`Client` is for programs without an event loop, and `AsyncClient` for asyncio and trio. `PictureUrls` only makes URLs.
"""

from importlib.metadata import version

from pymager_client.async_client import AsyncClient
from pymager_client.client import Client
from pymager_client.downloads import AsyncDownload, Download
from pymager_client.errors import (
    Conflict,
    ConnectionFailed,
    Forbidden,
    InvalidArgument,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    Problem,
    PymagerError,
    ResponseError,
    ServerError,
    StorageFull,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    Unprocessable,
)
from pymager_client.models import Original, Replacement
from pymager_client.urls import PictureUrls
from pymager_client.variants import VariantOptions

__version__ = version("pymager-client")

__all__ = [
    "AsyncClient",
    "AsyncDownload",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Download",
    "Forbidden",
    "InvalidArgument",
    "InvalidRequest",
    "NotFound",
    "Original",
    "PictureUrls",
    "PreconditionFailed",
    "Problem",
    "PymagerError",
    "Replacement",
    "ResponseError",
    "ServerError",
    "StorageFull",
    "TimedOut",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedResponse",
    "Unprocessable",
    "VariantOptions",
    "__version__",
]
