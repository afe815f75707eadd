"""Finds a backend by its URL: the scheme is the name of an entry point, which names the class."""

import re
from importlib.metadata import EntryPoint, distribution, entry_points
from typing import Any, cast

from pymager.errors import ConfigurationError
from pymager.ports import BlobStore, MetadataStore

BLOBS = "pymager.blobs"
METADATA = "pymager.metadata"
_OWN = "pymager"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+).*extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")


def load_blobs(url: str) -> BlobStore:
    """The blob store that the URL names, not open yet. Raises `ConfigurationError`."""
    return cast(BlobStore, _load(BLOBS, "PYMAGER_BLOBS", url))


def load_metadata(url: str) -> MetadataStore:
    """The metadata store that the URL names, not open yet. Raises `ConfigurationError`."""
    return cast(MetadataStore, _load(METADATA, "PYMAGER_METADATA", url))


def _load(group: str, setting: str, url: str) -> Any:
    match = _SCHEME.match(url)
    if match is None:
        raise ConfigurationError(f"{setting}: a backend is named by a URL, as in {_example(group)}")
    entry = _entry(group, setting, match[1].lower())
    try:
        backend = entry.load()
    except ImportError as error:
        raise ConfigurationError(_missing(entry, error)) from error
    except AttributeError as error:
        raise ConfigurationError(f"{setting}: backend '{entry.name}' can't be loaded: {error}") from error
    try:
        return backend(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from error


def _entry(group: str, setting: str, scheme: str) -> EntryPoint:
    known = entry_points(group=group)
    # An editable install of a distribution may be found twice; it is one all the same.
    found = {(entry.value, _owner(entry)): entry for entry in known if entry.name.lower() == scheme}
    if not found:
        names = ", ".join(sorted({entry.name for entry in known}))
        raise ConfigurationError(f"{setting}: there is no backend '{scheme}'; there are: {names}")
    if len(found) > 1:
        owners = " and ".join(sorted(owner for _, owner in found))
        raise ConfigurationError(f"{setting}: several distributions have a backend '{scheme}': {owners}; uninstall one")
    return next(iter(found.values()))


def _missing(entry: EntryPoint, error: ImportError) -> str:
    module = (error.name or str(error)).partition(".")[0]
    owner = _owner(entry)
    if owner != _OWN:
        return f"backend '{entry.name}' needs '{module}'; try: pip install {owner}"
    extra = _extra_with(module)
    wanted = f"{_OWN}[{extra}]" if extra else _OWN
    return f"backend '{entry.name}' needs '{module}'; try: pip install '{wanted}'"


def _extra_with(module: str) -> str | None:
    """The extra of pymager that brings the module's distribution."""
    for requirement in distribution(_OWN).requires or []:
        match = _REQUIREMENT.match(requirement)
        if match and match["name"].lower().replace("-", "_") == module.lower() and match["extra"] != "all":
            return match["extra"]
    return None


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unnamed distribution"


def _example(group: str) -> str:
    return "file:///var/lib/pymager" if group == BLOBS else "sqlite:////var/lib/pymager/catalog.db"
