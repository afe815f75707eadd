"""Typed keys of what the application holds for its handlers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pymager.library.library import Library
from pymager.library.quota import Quota
from pymager.library.spool import Spool
from pymager.variants.urls import VariantUrls
from pymager.web.access import Access
from pymager.web.auth import Auth
from pymager.web.bodies import BodyLimits
from pymager.web.cache_tags import CacheTags
from pymager.web.conditions import LastModified


@dataclass(slots=True)
class Lifecycle:
    """Whether the process drains before it stops, and whether it refuses writes."""

    draining: bool = False
    read_only: bool = False


LIBRARY = web.AppKey("library", Library)
VARIANT_URLS = web.AppKey("variant_urls", VariantUrls)
SPOOL = web.AppKey("spool", Spool)
QUOTA = web.AppKey("quota", Quota)
ACCESS = web.AppKey("access", Access)
AUTH = web.AppKey("auth", Auth)
BODY_LIMITS = web.AppKey("body_limits", BodyLimits)
PUBLIC_URL = web.AppKey("public_url", str)
LAST_MODIFIED = web.AppKey("last_modified", LastModified)
PICTURE_HEADERS = web.AppKey("picture_headers", dict[str, str])
CACHE_TAGS = web.AppKey("cache_tags", CacheTags)
ACCESS_LOG: web.AppKey[Callable[[dict[str, Any]], None] | None] = web.AppKey("access_log")
QUIET_PATHS = web.AppKey("quiet_paths", frozenset[str])
"""Paths that are not logged when their status is 200."""
LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
