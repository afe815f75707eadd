"""Imports a folder of pictures. Running it again goes on where it stopped: what is there already is recognised."""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from pymager import composition, names
from pymager.composition import Components
from pymager.errors import (
    AlreadyExists,
    BackendError,
    InvalidName,
    NoSpace,
    OriginalNotFound,
    PymagerError,
    Unavailable,
)
from pymager.settings.model import Settings

_CHUNK = 256 * 1024


@dataclass(slots=True)
class Summary:
    """How many files were imported and were there already, and which were refused, each with the reason."""

    kept: int = 0
    known: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)


def id_of(path: Path) -> str:
    """The id of a file by its path in the folder: `2024/my cat.jpg` becomes `2024-my_cat`. Raises `InvalidName`."""
    text = unicodedata.normalize("NFC", "-".join(path.with_suffix("").parts))
    return names.parse_id("".join(character if names.is_allowed(character) else "_" for character in text))


async def import_folder(settings: Settings, folder: Path, jobs: int) -> Summary:
    """Import every file below the folder, `jobs` at a time. Raises `NoSpace` and `Unavailable`, which end it."""
    summary = Summary()
    files = sorted(_files(folder))
    queue = iter(files)
    claimed: dict[str, Path] = {}
    async with composition.opened(settings) as parts:
        with click.progressbar(length=len(files), label="importing") as bar:

            async def work() -> None:
                for path in queue:
                    await _import(parts, settings, folder, path, claimed, summary)
                    bar.update(1)

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(jobs):
                        group.create_task(work())
            except* BackendError as several:
                raise several.exceptions[0] from None
    summary.refused.sort()
    return summary


async def _import(
    parts: Components, settings: Settings, folder: Path, path: Path, claimed: dict[str, Path], summary: Summary
) -> None:
    try:
        if path.is_symlink():
            raise InvalidName("is a symbolic link; those are not followed")
        id = id_of(path.relative_to(folder))
        if (other := claimed.setdefault(id, path)) != path:
            raise InvalidName(f"would have the id '{id}', which {other} has")
        outcome = await _import_as(parts, settings, id, path)
    except (NoSpace, Unavailable):
        raise
    except (PymagerError, OSError) as error:
        summary.refused.append((path, str(error)))
        return
    summary.kept += outcome
    summary.known += not outcome


async def _import_as(parts: Components, settings: Settings, id: str, path: Path) -> bool:
    """True if it was imported, False if just these bytes are there already."""
    try:
        standing = await parts.library.get(id)
    except OriginalNotFound:
        standing = None
    if standing is None:
        if path.stat().st_size > settings.max_body:
            raise InvalidName(f"is larger than {settings.max_body} bytes, the most that is taken")
        async with parts.spool.spooled(_chunks(path)) as body:
            try:
                await parts.library.add(id, body)
                return True
            except AlreadyExists:
                standing = await parts.library.get(id)
    if standing.sha256 != await asyncio.to_thread(_sha256, path):
        raise InvalidName(f"the id '{id}' is another picture's already")
    return False


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
