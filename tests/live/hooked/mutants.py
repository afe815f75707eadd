"""The program with one of its guarantees broken on purpose, to show that the tests of a cluster detect it.

FAILPOINT_MUTANT names the function below that breaks it, before the program starts.
"""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from pymager import keys
from pymager.errors import AlreadyExists, NotFound, Unavailable
from pymager.failpoints import reached
from pymager.library import dates, derivation, library, uploads
from pymager.library.library import Library
from pymager.library.uploads import Put, Uploads
from pymager.operations import sweep
from pymager.operations.sweep import Sweep
from pymager.ports import Original
from pymager.variants.variant import Variant
from pymager.web import conditions
from pymager_sql import catalog

_TRIES = 400


def the_sweep_deletes_without_a_fence() -> None:
    """An uploader that was stopped before its commit acknowledges a deleted blob."""

    async def is_fenced(self: Any, owner: Any) -> bool:
        return True

    Sweep._is_fenced = is_fenced  # type: ignore[method-assign]
    assert sweep.Sweep is Sweep


def the_blob_goes_before_its_row() -> None:
    """A crash between the two leaves a row without its blob."""

    async def remove(self: Any, id: str, revision: str | None = None) -> None:
        original = await self.get(id)
        await self._blobs.delete([keys.original_key(original)])
        reached("remove.committed")
        await self._metadata.remove(id, revision)

    Library.remove = remove  # type: ignore[method-assign]


def the_cache_is_served_without_asking() -> None:
    """A replica that has served an original or a variant serves it again after another replica's DELETE."""
    known: dict[str, Original] = {}
    served: dict[tuple[str, Variant], Any] = {}
    original_get, original_variant = Library.get, Library.variant

    async def get(self: Library, id: str) -> Original:
        if id not in known:
            known[id] = await original_get(self, id)
        return known[id]

    async def variant(self: Library, id: str, variant: Variant, needs_body: Any, accept: str | None = None) -> Any:
        if (id, variant) not in served:
            served[id, variant] = await original_variant(self, id, variant, needs_body, accept)
        return served[id, variant]

    Library.get = get  # type: ignore[method-assign]
    Library.variant = variant  # type: ignore[method-assign]


def a_mutation_is_retried() -> None:
    """A repeated DELETE deletes a new upload of another client."""

    async def remove(self: Any, id: str, revision: str | None = None) -> None:
        await self._metadata.remove(id, revision)  # and its answer is lost
        for _ in range(_TRIES):
            await asyncio.sleep(0.05)
            try:
                await self._metadata.remove(id, revision)
                return
            except NotFound:
                continue
        raise Unavailable("nobody uploaded anything", outcome_known=True)

    Library.remove = remove  # type: ignore[method-assign]


def a_repeated_put_is_answered_from_memory() -> None:
    """A PUT of bytes that another replica has deleted is acknowledged, and stores nothing."""
    known: dict[str, Original] = {}
    original_put = Uploads.put

    async def put(self: Uploads, id: str, body: Any, condition: Any) -> Put:
        if id in known and known[id].sha256 == body.sha256:
            return Put(known[id])
        done = await original_put(self, id, body, condition)
        known[id] = done.original
        return done

    Uploads.put = put  # type: ignore[method-assign]


def dates_are_those_of_version_0_1_0() -> None:
    """Not a broken guarantee, but the rules of the release before: a replica of it in a rolling update."""

    def add(connection: Any, original: Original) -> Original:
        catalog.use_revision(connection, original.revision)
        try:
            connection.execute(catalog._INSERT, catalog.values(original))
        except IntegrityError:
            raise AlreadyExists(original.id) from None
        return original

    def value(self: Any, modified: datetime) -> str:
        return conditions.http_date(min(int(modified.timestamp()), int(time.time()) - 1))

    async def exact_from(*_: Any, **__: Any) -> datetime:
        return dates.ALWAYS

    catalog.add = add
    catalog.removal_dates.record = lambda *_: None
    derivation._dated = lambda info, original: info
    uploads._successor_date = lambda stored, current: max(stored.created, current.created + timedelta(seconds=1))
    conditions.LastModified.value = value  # type: ignore[method-assign]
    conditions._is_unmodified = lambda modified, since: modified <= since
    dates.exact_from = exact_from


def a_derived_key_has_no_revision() -> None:
    """After a replace, the key of the new picture has the old one."""

    def derived_key(original: Original, recipe: str, variant: Variant) -> str:
        return f"{keys.DERIVED}{original.id}/{'0' * 32}/{recipe}/{variant.file_name}"

    keys.derived_key = derived_key
    assert library.keys is keys
