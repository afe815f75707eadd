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

from pymager import composition, names
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
from pymager.names import Variant
from pymager.operations.batch import Copying
from pymager.operations.checkpoint import Checkpoint
from pymager.operations.copy_stores import stoppable
from pymager.operations.id_list import lines_of
from pymager.operations.report import Copied, Known, Outcome, Refused, Report, Vanished
from pymager.settings.model import Settings

_PAGE = 500

Asked = tuple[str, Variant]


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

    def variants(self) -> list[Variant]:
        """The variants of one original, each once. Raises `InvalidName` and `UnsupportedFormat`."""
        asked = [names.parse_derived(f"x-{size}.{name}")[1] for size in self.sizes for name in self.formats]
        return list(dict.fromkeys(asked))


async def warm_listed(settings: Settings, wanted: Wanted, *, jobs: int, prefix: str, resume: Path | None) -> Report:
    """Make them of all originals whose ids begin with `prefix`; the file `resume` keeps the place in the listing.

    Raises `ConfigurationError` and `Unavailable`.
    """
    prefix = unicodedata.normalize("NFC", prefix)
    place = Checkpoint(resume, {"sizes": [*wanted.sizes], "formats": [*wanted.formats], "prefix": prefix})
    async with _opened(settings, wanted, jobs) as (parts, copying, variants):
        cursor = place.read()
        while True:
            try:
                page = await copying.patiently(partial(parts.library.page, cursor, _PAGE))
            except ValueError:
                raise ConfigurationError(f"{resume}: it is of another catalog; delete it to begin anew") from None
            ids = [original.id for original in page.items if original.id.startswith(prefix)]
            await copying.run(_named(ids, variants), _shown, _Warming(parts, copying).warm)
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
    async with _opened(settings, wanted, jobs) as (parts, copying, variants):
        try:
            await copying.run(_read(file, variants, copying), _shown, _Warming(parts, copying, tells=variants[0]).warm)
        except* ConfigurationError as several:
            raise several.exceptions[0] from None
    return copying.report


class _Warming:
    """Makes single pictures; `tells` says once of each id that it is nobody's."""

    def __init__(self, parts: Components, copying: Copying, *, tells: Variant | None = None) -> None:
        self._blobs = parts.blobs
        self._library = parts.library
        self._copying = copying
        self._tells = tells

    async def warm(self, asked: Asked) -> Outcome:
        """Look, and make it if need be. Raises `NoSpace` and, after several tries, `Unavailable`."""
        id, variant = asked
        try:
            return await self._copying.patiently(partial(self._derived, id, variant))
        except OriginalNotFound:
            if variant == self._tells:
                self._copying.say(f"{id}: there is no such original")
            return Vanished()
        except (PictureError, OriginalLost, Overloaded) as error:
            return Refused(str(error))

    async def _derived(self, id: str, variant: Variant) -> Outcome:
        located = await self._library.locate(id, variant)
        try:
            await self._blobs.stat(located.key)
            return Known()
        except NotFound:
            async with await self._library.render(located) as content:
                return Copied(content.info.size)


@asynccontextmanager
async def _opened(
    settings: Settings, wanted: Wanted, jobs: int
) -> AsyncIterator[tuple[Components, Copying, list[Variant]]]:
    # Nothing is served from this process's memory, and no more wait for its workers than there are jobs.
    fitting = settings.model_copy(update={"memory_cache": 0, "queue_size": max(settings.queue_size, jobs)})
    async with composition.opened(fitting) as parts:
        try:
            variants = wanted.variants()
            for variant in variants:
                parts.library.check(variant)
        except InvalidName:
            raise ConfigurationError(
                "--sizes, --formats: sizes are written as 800x600, formats as jpg, several with commas between"
            ) from None
        except (SizeNotAllowed, UnsupportedFormat) as error:
            raise ConfigurationError(f"--sizes, --formats: {error}") from None
        async with stoppable(jobs, Warmed()) as copying:
            yield parts, copying, variants


async def _named(ids: Sequence[str], variants: Sequence[Variant]) -> AsyncGenerator[Asked, None]:
    for id in ids:
        for variant in variants:
            yield id, variant


async def _read(file: str, variants: Sequence[Variant], copying: Copying) -> AsyncGenerator[Asked, None]:
    async for line in lines_of(file):
        if not (text := line.strip()):
            continue
        try:
            id = names.parse_id(text)
        except InvalidName as error:
            copying.report.count(Vanished())
            copying.say(f"{text}: {error}")
            continue
        for variant in variants:
            yield id, variant


def _shown(asked: Asked) -> str:
    id, variant = asked
    return f"{id}-{variant.file_name}"
