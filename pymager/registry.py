"""The registry of backends: a URL's scheme is the name of an entry point, which names the backend's class."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from typing import cast

from pymager.errors import ConfigurationError
from pymager.ports import BlobStore, Cache, MetadataStore, Purger, Tree

BLOBS = "pymager.blobs"
METADATA = "pymager.metadata"
SOURCES = "pymager.sources"
CACHES = "pymager.caches"
PURGERS = "pymager.purgers"

_KINDS = {
    BLOBS: "blob store",
    METADATA: "metadata store",
    SOURCES: "source of an import",
    CACHES: "cache",
    PURGERS: "purger",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")  # RFC 3986, section 3.1
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*).*?(?:;.*?\bextra\s*==\s*['\"]([^'\"]+)['\"].*)?", re.DOTALL)


def load_blobs(url: str) -> BlobStore:
    """The blob store that the URL names, not open. Raises `ConfigurationError`."""
    return cast(BlobStore, _load(BLOBS, url))


def load_metadata(url: str) -> MetadataStore:
    """The metadata store that the URL names, not open. Raises `ConfigurationError`."""
    return cast(MetadataStore, _load(METADATA, url))


def load_cache(url: str) -> Cache:
    """The cache that the URL names, not open. Raises `ConfigurationError`."""
    return cast(Cache, _load(CACHES, url))


def load_tree(url: str) -> Tree:
    """The tree that the URL names, not open. Raises `ConfigurationError`."""
    return cast(Tree, _load(SOURCES, url))


def load_purger(url: str) -> Purger:
    """The purger that the URL names, not open. Raises `ConfigurationError`."""
    return cast(Purger, _load(PURGERS, url))


def has_tree(url: str) -> bool:
    """Whether a backend can read trees with the scheme of this URL."""
    found = _SCHEME.match(url)
    return found is not None and any(entry.name.lower() == found[1].lower() for entry in _entries(SOURCES))


def _load(group: str, url: str) -> object:
    found = _SCHEME.match(url)
    if found is None:
        raise ConfigurationError(
            f"must be the URL of a {_KINDS[group]} that starts with one of: {_schemes(_entries(group))}"
        )
    scheme = found[1].lower()
    entry = _entry(group, scheme)
    try:
        return entry.load()(scheme + url[found.end(1) :])
    except ConfigurationError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigurationError(missing(entry, error)) from error
    except Exception as error:  # third-party code: whatever it raises, the service cannot start with it
        raise ConfigurationError(
            f"backend '{scheme}' ({_owner(entry)}) failed to load from {entry.value}: {type(error).__name__}: {error}"
        ) from error


def _entry(group: str, scheme: str) -> EntryPoint:
    entries = _entries(group)
    named = [entry for entry in entries if entry.name.lower() == scheme]
    if not named and "+" in scheme:  # a scheme of SQLAlchemy with a driver, such as oracle+oracledb
        scheme = scheme.partition("+")[0]
        named = [entry for entry in entries if entry.name.lower() == scheme]
    if not named:
        raise ConfigurationError(f"unknown {_KINDS[group]} '{scheme}:'; known: {_schemes(entries)}")
    if len(named) > 1:
        owners = " and ".join(sorted(f"{_owner(entry)} ({entry.value})" for entry in named))
        raise ConfigurationError(
            f"{_KINDS[group]} '{scheme}:' is provided more than once, by {owners}; uninstall all but one"
        )
    return named[0]


def _entries(group: str) -> EntryPoints:
    return _entries_on(tuple(sys.path), group)


@cache
def _entries_on(path: tuple[str, ...], group: str) -> EntryPoints:
    """The entry points of a group: read once, because each installed distribution has a file of them."""
    return entry_points(group=group)


def _schemes(entries: Iterable[EntryPoint]) -> str:
    return ", ".join(sorted({f"{entry.name.lower()}:" for entry in entries})) or "none"


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"


def missing(entry: EntryPoint, error: ModuleNotFoundError) -> str:
    """The message for a missing module: what to install."""
    module = (error.name or str(error)).partition(".")[0]
    target = _owner(entry)
    if entry.dist is not None and (extra := _extra_with(entry.dist, entry.name, module)):
        target = f"{target}[{extra}]"
    return f"backend '{entry.name.lower()}' needs the module '{module}'; run: pip install '{target}'"


def _extra_with(distribution: Distribution, scheme: str, module: str) -> str | None:
    """The extra that installs the module: the one named like the scheme, or else the smallest one.

    A distribution is assumed to have the name of its module: the metadata of a missing one cannot be read.
    """
    extras: dict[str, set[str]] = {}
    for line in distribution.requires or ():
        match = _REQUIREMENT.fullmatch(line)
        if match is not None and match[2]:
            extras.setdefault(match[2], set()).add(_normalized(match[1]))
    bringing = [extra for extra, names in extras.items() if _normalized(module) in names]
    return min(bringing, key=lambda extra: (extra != scheme.lower(), len(extras[extra]), extra), default=None)


def _normalized(name: str) -> str:
    """A distribution's name in the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
