"""What the handlers share: kept in the application under typed keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pymager.library.library import Library
from pymager.library.spool import Spool
from pymager.names import DerivedName
from pymager.ports import Original
from pymager.web.auth import Auth
from pymager.web.bodies import BodyLimits
from pymager.web.clients import Clients


@dataclass(slots=True)
class Lifecycle:
    """Whether the process is on its way out, and whether it takes no writes."""

    draining: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """A derived picture that was asked for, and where it belongs; `looked`: it was not in the blob store just now."""

    name: DerivedName
    original: Original
    key: str
    looked: bool


LOCATED = web.RequestKey("located", Located)
TIER = web.RequestKey("tier", str)
LIBRARY = web.AppKey("library", Library)
SPOOL = web.AppKey("spool", Spool)
AUTH = web.AppKey("auth", Auth)
BODY_LIMITS = web.AppKey("body_limits", BodyLimits)
PUBLIC_URL = web.AppKey("public_url", str)
PICTURE_HEADERS = web.AppKey("picture_headers", dict[str, str])
ACCESS_LOG: web.AppKey[Callable[[dict[str, Any]], None] | None] = web.AppKey("access_log")
UNTOLD = web.AppKey("untold", frozenset[str])  # paths whose good answers are no line of the log
CLIENTS = web.AppKey("clients", Clients)
LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
