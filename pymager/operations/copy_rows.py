"""Copies the catalog's rows: each is asked for in TO afterwards, and every field of it has to be the same."""

from collections.abc import AsyncGenerator
from dataclasses import fields
from functools import partial

from pymager.errors import AlreadyExists, Fenced, NotFound
from pymager.operations.batch import Copying
from pymager.operations.report import Copied, Known, Outcome, Refused, Surplus
from pymager.ports import MetadataStore, Original

_PAGE = 500
_FENCED = "TO does not take its revision: it was deleted there, or a sweep over TO found its blob before its row"


async def every(metadata: MetadataStore, copying: Copying) -> AsyncGenerator[Original, None]:
    """All rows, a page at a time."""
    cursor: str | None = None
    while True:
        page = await copying.patiently(partial(metadata.list_page, cursor, _PAGE))
        for original in page.items:
            yield original
        cursor = page.next
        if cursor is None:
            return


class RowCopy:
    """Copies single rows from one catalog to another, of which nobody else writes."""

    def __init__(self, source: MetadataStore, target: MetadataStore, copying: Copying) -> None:
        self._source = source
        self._target = target
        self._patiently = copying.patiently

    async def copy(self, original: Original) -> Outcome:
        """Copy a row. Raises `NoSpace` and, after several tries, `Unavailable`."""
        # Looking before each further try is what makes it right to add again after an answer that was lost.
        return await self._patiently(lambda: self._copy(original))

    async def look_for(self, original: Original) -> Outcome | None:
        """`Surplus` for a row of TO that FROM has not. Raises, after several tries, `Unavailable`."""
        try:
            await self._patiently(lambda: self._source.get(original.id))
        except NotFound:
            return Surplus()
        return None

    async def _copy(self, original: Original) -> Outcome:
        there = await self._standing(original.id)
        if there is not None:
            return _compared(original, there)
        try:
            await self._target.add(original)
        except AlreadyExists:
            there = await self._standing(original.id)
            return _compared(original, there) if there else Refused("others write to TO at the same time")
        except Fenced:
            there = await self._standing(original.id)
            return _compared(original, there) if there else Refused(_FENCED)
        there = await self._standing(original.id)
        if there is None:
            return Refused("TO took the row and does not have it")
        return Copied() if there == original else _compared(original, there)

    async def _standing(self, id: str) -> Original | None:
        try:
            return await self._target.get(id)
        except NotFound:
            return None


def _compared(original: Original, there: Original) -> Outcome:
    if original == there:
        return Known()
    pairs = [(field.name, getattr(there, field.name), getattr(original, field.name)) for field in fields(Original)]
    different = [f"{name} is {theirs}, in FROM {ours}" for name, theirs, ours in pairs if theirs != ours]
    return Refused(f"TO has another row for it: {'; '.join(different)}")
