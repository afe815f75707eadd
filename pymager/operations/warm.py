"""Makes derived pictures before anybody asks: through the library, so that replicas that serve do none of it twice.

What is there already costs a read of the catalog and a look into the blob store: a run that was ended, however it was,
is simply started again.
"""

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pymager import composition, formats, names
from pymager.composition import Components
from pymager.errors import (
    ConfigurationError,
    InvalidName,
    NotFound,
    OriginalLost,
    OriginalNotFound,
    Overloaded,
    PictureError,
    SizeNotAllowed,
    UnsupportedFormat,
)
from pymager.names import DerivedName
from pymager.operations.batch import Copying
from pymager.operations.checkpoint import Checkpoint
from pymager.operations.copy_stores import stoppable
from pymager.operations.id_list import lines_of
from pymager.operations.report import Copied, Known, Outcome, Refused, Report, Vanished
from pymager.settings.model import Settings

_PAGE = 500
_ANY = "any"


class Warmed(Report):
    """How it went: `copied` were made, `refused` could not be, `vanished` are of no original."""

    __slots__ = ()

    @property
    def is_whole(self) -> bool:
        """Whether every picture that can be there is."""
        return not self.refused and self.stopped is None

    def told(self) -> str:
        """The counts in words."""
        words = f"{self.copied} made ({self.bytes:,} bytes), {self.known} there already, {self.refused} failed"
        return words + (f", {self.vanished} of no original" if self.vanished else "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of each original: sizes as `800x600`, formats by the extension in a derived URL."""

    sizes: Sequence[str]
    formats: Sequence[str]

    def of(self, id: str) -> list[DerivedName]:
        """The pictures of one original, each once. Raises `InvalidName`."""
        known = {name: formats.OUTPUTS.get(name.lower()) for name in self.formats}
        extensions = [format.extension if format else name for name, format in known.items()]
        asked = [names.parse_derived(f"{id}-{size}.{extension}") for size in self.sizes for extension in extensions]
        return list(dict.fromkeys(asked))


async def warm_listed(settings: Settings, wanted: Wanted, *, jobs: int, prefix: str, resume: Path | None) -> Report:
    """Make them of all originals whose ids begin with `prefix`; the file `resume` keeps the place in the listing.

    Raises `ConfigurationError` and `Unavailable`.
    """
    prefix = unicodedata.normalize("NFC", prefix)
    place = Checkpoint(resume, {"sizes": [*wanted.sizes], "formats": [*wanted.formats], "prefix": prefix})
    async with _opened(settings, wanted, jobs) as (parts, copying):
        cursor = place.read()
        while True:
            try:
                page = await copying.patiently(partial(parts.library.page, cursor, _PAGE))
            except ValueError:
                raise ConfigurationError(f"{resume}: it is of another catalog; delete it to begin anew") from None
            ids = [original.id for original in page.items if original.id.startswith(prefix)]
            await copying.run(_named(ids, wanted), _shown, _Warming(parts, copying).warm)
            cursor = page.next
            if copying.report.stopped is not None:
                break
            if cursor is None:
                place.forget()
                break
            place.keep(cursor)
    return copying.report


async def warm_named(settings: Settings, wanted: Wanted, *, jobs: int, file: str) -> Report:
    """Make them of the originals that a file names, an id a line; `-` is standard input.

    Raises `ConfigurationError` and `Unavailable`.
    """
    async with _opened(settings, wanted, jobs) as (parts, copying):
        try:
            await copying.run(_read(file, wanted, copying), _shown, _Warming(parts, copying, tells=wanted).warm)
        except* ConfigurationError as several:
            raise several.exceptions[0] from None
    return copying.report


class _Warming:
    """Makes single pictures; `tells` says once of each id that it is nobody's."""

    def __init__(self, parts: Components, copying: Copying, *, tells: Wanted | None = None) -> None:
        self._blobs = parts.blobs
        self._library = parts.library
        self._copying = copying
        self._tells = tells

    async def warm(self, name: DerivedName) -> Outcome:
        """Look, and make it if need be. Raises `NoSpace` and, after several tries, `Unavailable`."""
        try:
            return await self._copying.patiently(partial(self._derived, name))
        except OriginalNotFound:
            if self._tells is not None and name == self._tells.of(name.id)[0]:
                self._copying.say(f"{name.id}: there is no such original")
            return Vanished()
        except (PictureError, OriginalLost, Overloaded) as error:
            return Refused(str(error))

    async def _derived(self, name: DerivedName) -> Outcome:
        original, key = await self._library.locate(name)
        try:
            await self._blobs.stat(key)
            return Known()
        except NotFound:
            async with self._library.derived(original, name, looked=True) as picture:
                return Copied(picture.info.size)


@asynccontextmanager
async def _opened(settings: Settings, wanted: Wanted, jobs: int) -> AsyncIterator[tuple[Components, Copying]]:
    # Nothing is served from this process's memory, and no more wait for its workers than there are jobs.
    fitting = settings.model_copy(update={"memory_cache": 0, "queue": max(settings.queue, jobs)})
    async with composition.opened(fitting) as parts:
        for name in _checked(wanted):
            try:
                parts.library.check(name)
            except (SizeNotAllowed, UnsupportedFormat) as error:
                raise ConfigurationError(f"--sizes, --formats: {error}") from None
        async with stoppable(jobs, Warmed()) as copying:
            yield parts, copying


def _checked(wanted: Wanted) -> list[DerivedName]:
    try:
        return wanted.of(_ANY)
    except InvalidName:
        raise ConfigurationError(
            "--sizes, --formats: sizes are written as 800x600, formats as jpg, several with commas between"
        ) from None


async def _named(ids: Sequence[str], wanted: Wanted) -> AsyncGenerator[DerivedName, None]:
    for id in ids:
        for name in wanted.of(id):
            yield name


async def _read(file: str, wanted: Wanted, copying: Copying) -> AsyncGenerator[DerivedName, None]:
    async for line in lines_of(file):
        if not (id := line.strip()):
            continue
        try:
            wanted_here = wanted.of(names.parse_id(id))
        except InvalidName as error:
            copying.report.count(Vanished())
            copying.say(f"{id}: {error}")
            continue
        for name in wanted_here:
            yield name


def _shown(name: DerivedName) -> str:
    return f"{name.id}-{name.width}x{name.height}.{name.extension}"
