"""`sweep`: deletes orphans and outdated variants while the service runs.

It lists all blobs. An orphan is a blob whose revision no row holds. The revision is fenced before the blob is deleted,
so that an uploader that was paused between its put and its commit cannot acknowledge a blob that is about to be
deleted. Safety rests on the fence; the grace period only saves work. An interrupted sweep is simply started again.
"""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymager import composition, keys
from pymager.engine.recipe import current_recipes
from pymager.errors import NotFound
from pymager.failpoints import reached
from pymager.ports import BlobInfo, BlobStore, MetadataStore
from pymager.settings.model import Settings

_DELETE_BATCH_SIZE = 500
_MAX_CACHED_REVISIONS = 10_000
_MARK_INTERVAL = timedelta(days=1)
_MIN_TIDY_AGE_SECONDS = 60.0
_SECONDS_PER_DAY = 86_400.0
_REVISION = re.compile(r"[0-9a-f]{32}")
_RECIPE = re.compile(r"[0-9a-f]{12}")


@dataclass(slots=True)
class SweepReport:
    """Counts of the blobs that a sweep listed and deleted; `freed` is in bytes.

    `outdated` are variants of recipes that are no longer current, `young` are within the grace period, `foreign` were
    not written by pymager, and `tidied` are leftovers that only the backends see. In a dry run `deleted` and `freed`
    count what a sweep would delete.
    """

    seen: int = 0
    orphans: int = 0
    outdated: int = 0
    young: int = 0
    foreign: int = 0
    deleted: int = 0
    freed: int = 0
    tidied: int = 0

    def summary(self, *, dry_run: bool) -> str:
        """The counts as one line of text."""
        deleted = f"{self.deleted} {'to delete' if dry_run else 'deleted'} ({self.freed:,} bytes)"
        return (
            f"{self.seen} blobs listed, {self.orphans} orphans, {self.outdated} outdated, {self.young} too young, "
            f"{self.foreign} not from pymager, {deleted}, {self.tidied} leftovers tidied"
        )


async def mark_recipes(blobs: BlobStore, recipes: Iterable[str]) -> None:
    """Mark these recipes as current in the blob store, unless that was done within the last day."""
    now = datetime.now(UTC)
    marked = {info.key: info.modified async for info in blobs.list(keys.RECIPES)}
    for key in map(keys.recipe_key, sorted(set(recipes))):
        if key not in marked or now - marked[key] > _MARK_INTERVAL:
            await blobs.put(key, b"", "application/octet-stream")


class Sweep:
    """One sweep of the blobs of all ids that start with `prefix`; `grace` and `recipe_age` are in seconds.

    Several sweeps may run at the same time, even of the same ids: the fence decides.
    """

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        recipes: Iterable[str],
        *,
        grace: float,
        recipe_age: float,
        prefix: str = "",
        dry_run: bool = False,
        on_delete: Callable[[str], None] = lambda key: None,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._recipes = set(recipes)
        self._grace = grace
        self._recipe_age = timedelta(seconds=recipe_age)
        self._prefix = prefix
        self._dry_run = dry_run
        self._on_delete = on_delete
        self._orphaned: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self.report = SweepReport()

    async def run(self) -> SweepReport:
        """Sweep once. Raises `Unavailable`; all deletions until then were safe."""
        now = datetime.now(UTC)
        await self._read_marks(now)
        garbage: list[BlobInfo] = []
        async for info in self._list():
            self.report.seen += 1
            if await self._is_garbage(info, now):
                garbage.append(info)
            if len(garbage) >= _DELETE_BATCH_SIZE:
                await self._delete(garbage)
                garbage = []
        await self._delete(garbage)
        if not self._dry_run:
            older_than = max(self._grace, _MIN_TIDY_AGE_SECONDS)
            self.report.tidied = await self._blobs.tidy(older_than) + await self._metadata.tidy(older_than)
        return self.report

    async def _list(self) -> AsyncIterator[BlobInfo]:
        for prefix in (keys.ORIGINALS, keys.DERIVED):
            async for info in self._blobs.list(f"{prefix}{self._prefix}"):
                yield info

    async def _read_marks(self, now: datetime) -> None:
        """A recipe stays current for some days after its last mark: during a rolling update two are current."""
        outdated = []
        async for info in self._blobs.list(keys.RECIPES):
            recipe = info.key.removeprefix(keys.RECIPES)
            if not _RECIPE.fullmatch(recipe):
                self.report.foreign += 1
            elif now - info.modified <= self._recipe_age + _MARK_INTERVAL:
                self._recipes.add(recipe)
            elif recipe not in self._recipes:
                outdated.append(info)
        await self._delete(outdated)

    async def _is_garbage(self, info: BlobInfo, now: datetime) -> bool:
        owner = keys.owner_of(info.key)
        if owner is None or not _REVISION.fullmatch(owner.revision):
            self.report.foreign += 1
            return False
        if (now - info.modified).total_seconds() < self._grace:
            self.report.young += 1
            return False
        if await self._is_orphaned(owner.id, owner.revision):
            self.report.orphans += 1
            return True
        if owner.recipe is None or owner.recipe in self._recipes or now - info.modified <= self._recipe_age:
            return False
        self.report.outdated += 1
        return True

    async def _is_orphaned(self, id: str, revision: str) -> bool:
        """Whether no row holds the revision, and none can in the future."""
        cached = self._orphaned.get((id, revision))
        if cached is not None:
            return cached
        try:
            orphaned = (await self._metadata.get(id)).revision != revision
        except NotFound:
            orphaned = True
        if orphaned and not self._dry_run:
            orphaned = await self._metadata.fence(id, revision)
            reached("sweep.fenced")
        self._orphaned[id, revision] = orphaned
        if len(self._orphaned) > _MAX_CACHED_REVISIONS:
            self._orphaned.popitem(last=False)
        return orphaned

    async def _delete(self, garbage: list[BlobInfo]) -> None:
        if not garbage:
            return
        for info in garbage:
            self._on_delete(info.key)
        if not self._dry_run:
            await self._blobs.delete([info.key for info in garbage])
            reached("sweep.deleted")
        self.report.deleted += len(garbage)
        self.report.freed += sum(info.size for info in garbage)


async def sweep(
    settings: Settings, *, prefix: str = "", dry_run: bool, on_delete: Callable[[str], None] = lambda key: None
) -> SweepReport:
    """Sweep the ids that start with `prefix` once. `on_delete` gets each key before its blob is deleted.

    With `dry_run` nothing is deleted or fenced.
    Raises `ConfigurationError` and `Unavailable`.
    """
    recipes = current_recipes(composition.encoding(settings)).values()
    async with composition.opened_backends(settings) as (blobs, metadata):
        configured = configured_sweep(
            settings, blobs, metadata, recipes, prefix=prefix, dry_run=dry_run, on_delete=on_delete
        )
        return await configured.run()


def configured_sweep(
    settings: Settings,
    blobs: BlobStore,
    metadata: MetadataStore,
    recipes: Iterable[str],
    *,
    prefix: str = "",
    dry_run: bool = False,
    on_delete: Callable[[str], None] = lambda key: None,
) -> Sweep:
    """A sweep with the grace period and the recipe age of the settings."""
    return Sweep(
        blobs,
        metadata,
        recipes,
        grace=settings.sweep_grace,
        recipe_age=settings.old_recipe_days * _SECONDS_PER_DAY,
        prefix=prefix,
        dry_run=dry_run,
        on_delete=on_delete,
    )


def counts(report: SweepReport) -> dict[str, int]:
    """The counts of a report by name."""
    return {name: getattr(report, name) for name in SweepReport.__slots__}
