"""`sweep`: deletes orphans and outdated variants while the service runs.

It lists all blobs. An orphan is a blob whose revision is in no row. The revision of an orphaned original is fenced
before the original is deleted, so that an uploader that was paused between its put and its commit cannot acknowledge
what is about to be deleted. This is safe if the catalog is right. The sweep checks that before it fences anything: the
catalog must belong to the same deployment and must not be older than the blob store, and the orphans must be few. The
grace period gives an operator time to notice what these checks miss. An interrupted sweep can be started again.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from pymager import composition, keys
from pymager.engine.recipe import current_recipes
from pymager.errors import NotFound
from pymager.failpoints import reached
from pymager.library import deployment
from pymager.operations import sweep_number
from pymager.operations.orphans import OrphanedOriginals
from pymager.operations.recipe_marks import MARK_INTERVAL
from pymager.operations.sweep_report import SweepReport
from pymager.ports import BlobInfo, BlobStore, MetadataStore
from pymager.settings import translation
from pymager.settings.model import Settings

MIN_ORPHAN_LIMIT = 100
MIN_ORPHAN_LIMIT_OF_PREFIX = 10  # there can be hundreds of sweeps with a prefix, and each has a limit of its own
_DELETE_BATCH_SIZE = 500
_MAX_CACHED_REVISIONS = 10_000
_MIN_TIDY_AGE_SECONDS = 60.0
_SECONDS_PER_DAY = 86_400.0
_REVISION = re.compile(r"[0-9a-f]{32}")
_RECIPE = re.compile(r"[0-9a-f]{12}")
_OLDER_CATALOG = (
    "this catalog is older than the last sweep of the blob store: it was restored from a backup, or created anew"
)


class Sweep:
    """One sweep of the blobs of all ids that start with `prefix`; `grace` and `recipe_age` are in seconds.

    An original is deleted if it was uploaded, and seen as an orphan for the first time, at least `grace` ago. If more
    than `max_orphan_percent` of the originals are orphans, and more than `MIN_ORPHAN_LIMIT` (with a prefix,
    `MIN_ORPHAN_LIMIT_OF_PREFIX`), or if there is a `refusal` from the start, the catalog is probably wrong: then
    neither an orphan nor a variant of one is deleted, unless `force` is set. Several sweeps may run at the same time,
    even of the same ids: the fence decides.
    """

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        recipes: Iterable[str],
        *,
        grace: float,
        recipe_age: float,
        max_orphan_percent: float = 1.0,
        prefix: str = "",
        dry_run: bool = False,
        force: bool = False,
        refusal: str | None = None,
        on_delete: Callable[[str], None] = lambda key: None,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._recipes = set(recipes)
        self._grace = grace
        self._recipe_age = timedelta(seconds=recipe_age)
        self._max_orphan_percent = max_orphan_percent
        self._prefix = prefix
        self._dry_run = dry_run
        self._force = force
        self._refusal = refusal
        self._on_delete = on_delete
        self._orphaned: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self._orphans = OrphanedOriginals(blobs, prefix)
        self._deleted: set[str] = set()
        self.report = SweepReport()

    async def run(self) -> SweepReport:
        """Sweep once. Raises `Unavailable`; all deletions until then were safe."""
        now = datetime.now(UTC)
        await self._read_marks(now)
        await self._find_orphans(now)
        await self._delete_originals(now)
        await self._sweep_variants(now)
        if not self._dry_run:
            older_than = max(self._grace, _MIN_TIDY_AGE_SECONDS)
            self.report.tidied = await self._blobs.tidy(older_than) + await self._metadata.tidy(older_than)
        return self.report

    async def _read_marks(self, now: datetime) -> None:
        """A recipe stays current for some days after its last mark: during a rolling update two are current."""
        outdated = []
        async for info in self._blobs.list(keys.RECIPES):
            recipe = info.key.removeprefix(keys.RECIPES)
            if not _RECIPE.fullmatch(recipe):
                self.report.foreign += 1
            elif now - info.modified <= self._recipe_age + MARK_INTERVAL:
                self._recipes.add(recipe)
            elif recipe not in self._recipes:
                outdated.append(info)
        await self._delete(outdated)

    async def _find_orphans(self, now: datetime) -> None:
        async for info in self._blobs.list(keys.ORIGINALS + self._prefix):
            self.report.seen += 1
            owner = self._owner(info)
            if owner is None:
                continue
            self.report.originals += 1
            if not self._is_young(info, now) and await self._has_no_row(owner):
                self._orphans.add(owner, info)
        self.report.orphans = self.report.orphaned_originals = self._orphans.count

    async def _delete_originals(self, now: datetime) -> None:
        """Only after the whole listing: the share of the orphans is known at its end."""
        self.report.refusal = None if self._force else self._refusal or self._excess()
        due = await self._orphans.due(now, self._grace, dry_run=self._dry_run)
        if self.report.refusal is not None:
            due = []
        for first in range(0, len(due), _DELETE_BATCH_SIZE):
            batch = due[first : first + _DELETE_BATCH_SIZE]
            fenced = [pair for pair in batch if await self._is_fenced(pair[0])]
            self.report.orphans -= len(batch) - len(fenced)  # their rows were committed since the listing
            await self._delete([info for _, info in fenced])
            if not self._dry_run:
                await self._orphans.delete_marks([owner for owner, _ in fenced])
            self._deleted |= {owner.revision for owner, _ in fenced}
        self.report.waiting = self.report.orphans - len(self._deleted)

    def _excess(self) -> str | None:
        found, seen = self.report.orphaned_originals, self.report.originals
        least = MIN_ORPHAN_LIMIT_OF_PREFIX if self._prefix else MIN_ORPHAN_LIMIT
        limit = max(least, int(seen * self._max_orphan_percent / 100))
        if found <= limit:
            return None
        return (
            f"{found} of {seen} originals have no row in the catalog, and at most {limit} are allowed: "
            f"{self._max_orphan_percent:g} % of them (PYMAGER_SWEEP_MAX_ORPHAN_PERCENT), or {least} if that is more"
        )

    async def _is_fenced(self, owner: keys.Owner) -> bool:
        """Whether no row has the revision, and none can have it in the future."""
        if self._dry_run:
            return True
        fenced = await self._metadata.fence(owner.id, owner.revision)
        reached("sweep.fenced")
        return fenced

    async def _sweep_variants(self, now: datetime) -> None:
        garbage: list[BlobInfo] = []
        async for info in self._blobs.list(keys.DERIVED + self._prefix):
            self.report.seen += 1
            owner = self._owner(info)
            if owner is not None and not self._is_young(info, now) and await self._is_garbage(owner, info, now):
                garbage.append(info)
            if len(garbage) >= _DELETE_BATCH_SIZE:
                await self._delete(garbage)
                garbage = []
        await self._delete(garbage)

    async def _is_garbage(self, owner: keys.Owner, info: BlobInfo, now: datetime) -> bool:
        """Whether a variant or a mezzanine is an orphan or outdated.

        It needs no fence: a variant is rendered from a row, never before, and a missing mezzanine is made again.
        """
        if await self._has_no_row(owner):
            self.report.orphans += 1
            self.report.waiting += (is_kept := self._is_original_kept(owner))
            return not is_kept
        if owner.recipe in self._recipes or now - info.modified <= self._recipe_age:
            return False
        self.report.outdated += 1
        return True

    def _is_original_kept(self, owner: keys.Owner) -> bool:
        """Whether the variant's original is an orphan that was not deleted. Without it, it cannot be rendered again."""
        if owner.revision in self._deleted:
            return False
        return (
            self.report.refusal is not None
            or owner.revision in self._orphans.revisions
            or not self._orphans.is_complete
        )

    def _owner(self, info: BlobInfo) -> keys.Owner | None:
        owner = keys.owner_of(info.key)
        if owner is None or not _REVISION.fullmatch(owner.revision):
            self.report.foreign += 1
            return None
        return owner

    def _is_young(self, info: BlobInfo, now: datetime) -> bool:
        is_young = (now - info.modified).total_seconds() < self._grace
        self.report.young += is_young
        return is_young

    async def _has_no_row(self, owner: keys.Owner) -> bool:
        """Whether no row has the revision now."""
        known = self._orphaned.get((owner.id, owner.revision))
        if known is not None:
            return known
        try:
            has_none = (await self._metadata.get(owner.id)).revision != owner.revision
        except NotFound:
            has_none = True
        self._orphaned[owner.id, owner.revision] = has_none
        if len(self._orphaned) > _MAX_CACHED_REVISIONS:
            self._orphaned.popitem(last=False)
        return has_none

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
    settings: Settings,
    *,
    prefix: str = "",
    dry_run: bool,
    force: bool = False,
    on_delete: Callable[[str], None] = lambda key: None,
) -> SweepReport:
    """Sweep the ids that start with `prefix` once. `on_delete` gets each key before its blob is deleted.

    With `dry_run` nothing is deleted, fenced or marked. Raises `ConfigurationError` and `Unavailable`.
    """
    recipes = current_recipes(translation.encoding(settings), settings.mezzanine_side)
    async with composition.opened_backends(settings) as (blobs, metadata):
        return await sweep_once(
            settings, blobs, metadata, recipes, prefix=prefix, dry_run=dry_run, force=force, on_delete=on_delete
        )


async def sweep_once(
    settings: Settings,
    blobs: BlobStore,
    metadata: MetadataStore,
    recipes: Iterable[str],
    *,
    prefix: str = "",
    dry_run: bool = False,
    force: bool = False,
    on_delete: Callable[[str], None] = lambda key: None,
) -> SweepReport:
    """Sweep as the settings say, if the two stores belong together.

    Raises `ConfigurationError` if they do not, and `Unavailable`.
    """
    await deployment.require(blobs, metadata)
    is_older = await sweep_number.is_catalog_older(blobs, metadata)
    if not dry_run and (force or not is_older):
        await sweep_number.begin_sweep(blobs, metadata)
    return await Sweep(
        blobs,
        metadata,
        recipes,
        grace=settings.sweep_grace,
        recipe_age=settings.old_recipe_days * _SECONDS_PER_DAY,
        max_orphan_percent=settings.sweep_max_orphan_percent,
        prefix=prefix,
        dry_run=dry_run,
        force=force,
        refusal=_OLDER_CATALOG if is_older else None,
        on_delete=on_delete,
    ).run()
