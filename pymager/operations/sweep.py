"""Finds and removes what a crash left behind, while the service runs.

Walks the blobs. One whose revision no row holds is fenced first, so that an uploader that was paused between its put
and its commit can't acknowledge what is about to vanish, and only then deleted. Safety rests on the fence; the grace
period only saves work. Walking again is harmless, so a sweep that was cut off is simply begun anew.
"""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymager import composition, keys
from pymager.engine.jobs import recipe
from pymager.errors import NotFound
from pymager.failpoints import reached
from pymager.formats import OUTPUTS
from pymager.ports import BlobInfo, BlobStore, MetadataStore
from pymager.settings.model import Settings

_BULK = 500
_REMEMBERED = 10_000
_MARK_AGE = timedelta(days=1)
_DAY_SECONDS = 86_400.0
_REVISION = re.compile(r"[0-9a-f]{32}")
_RECIPE = re.compile(r"[0-9a-f]{12}")


@dataclass(slots=True)
class SweepReport:
    """What a sweep saw and did: counts of blobs, `freed` in bytes."""

    seen: int = 0
    orphans: int = 0
    outdated: int = 0
    young: int = 0
    foreign: int = 0
    deleted: int = 0
    freed: int = 0
    tidied: int = 0


async def mark_recipes(blobs: BlobStore, recipes: Iterable[str]) -> None:
    """Write down that these recipes are current, where that was not done for a day."""
    now = datetime.now(UTC)
    marked = {info.key: info.modified async for info in blobs.list(keys.RECIPES)}
    for key in map(keys.recipe_key, sorted(set(recipes))):
        if key not in marked or now - marked[key] > _MARK_AGE:
            await blobs.put(key, b"", "application/octet-stream")


class Sweep:
    """One walk over the blobs of the ids that begin with `prefix`; ages in seconds.

    Several at the same time do no harm, of the same ids neither: the fence decides.
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
        self._dead: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self.report = SweepReport()

    async def run(self) -> SweepReport:
        """Walk everything once. Raises `Unavailable` where a backend is away; what was done by then is right."""
        now = datetime.now(UTC)
        await self._learn_recipes(now)
        doomed: list[BlobInfo] = []
        async for info in self._everything():
            self.report.seen += 1
            if await self._is_doomed(info, now):
                doomed.append(info)
            if len(doomed) >= _BULK:
                await self._delete(doomed)
                doomed = []
        await self._delete(doomed)
        if not self._dry_run:
            older_than = max(self._grace, 60.0)
            self.report.tidied = await self._blobs.tidy(older_than) + await self._metadata.tidy(older_than)
        return self.report

    async def _everything(self) -> AsyncIterator[BlobInfo]:
        for prefix in (keys.ORIGINALS, keys.DERIVED):
            async for info in self._blobs.list(f"{prefix}{self._prefix}"):
                yield info

    async def _learn_recipes(self, now: datetime) -> None:
        """A recipe counts as current for some days after a server last said so: two are, during a rolling update."""
        outdated = []
        async for info in self._blobs.list(keys.RECIPES):
            recipe = info.key.removeprefix(keys.RECIPES)
            if not _RECIPE.fullmatch(recipe):
                self.report.foreign += 1
            elif now - info.modified <= self._recipe_age + _MARK_AGE:
                self._recipes.add(recipe)
            elif recipe not in self._recipes:
                outdated.append(info)
        await self._delete(outdated)

    async def _is_doomed(self, info: BlobInfo, now: datetime) -> bool:
        owner = keys.owner_of(info.key)
        if owner is None or not _REVISION.fullmatch(owner.revision):
            self.report.foreign += 1
            return False
        if (now - info.modified).total_seconds() < self._grace:
            self.report.young += 1
            return False
        if await self._is_dead(owner.id, owner.revision):
            self.report.orphans += 1
            return True
        if owner.recipe is None or owner.recipe in self._recipes or now - info.modified <= self._recipe_age:
            return False
        self.report.outdated += 1
        return True

    async def _is_dead(self, id: str, revision: str) -> bool:
        """Whether no row holds the revision and none ever will."""
        known = self._dead.get((id, revision))
        if known is not None:
            return known
        try:
            dead = (await self._metadata.get(id)).revision != revision
        except NotFound:
            dead = True
        if dead and not self._dry_run:
            dead = await self._metadata.fence(id, revision)
            reached("sweep.fenced")
        self._dead[id, revision] = dead
        if len(self._dead) > _REMEMBERED:
            self._dead.popitem(last=False)
        return dead

    async def _delete(self, doomed: list[BlobInfo]) -> None:
        if not doomed:
            return
        for info in doomed:
            self._on_delete(info.key)
        if not self._dry_run:
            await self._blobs.delete([info.key for info in doomed])
            reached("sweep.deleted")
        self.report.deleted += len(doomed)
        self.report.freed += sum(info.size for info in doomed)


async def sweep(
    settings: Settings, *, prefix: str = "", dry_run: bool, on_delete: Callable[[str], None] = lambda key: None
) -> SweepReport:
    """Sweep the ids that start with `prefix` once. `on_delete` gets the key of each blob before it is deleted.

    Raises `ConfigurationError` and `Unavailable`.
    """
    recipes = {recipe(composition.encoding(settings), format.name) for format in OUTPUTS.values()}
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
    """A sweep with the grace period and the recipe age that the settings give."""
    return Sweep(
        blobs,
        metadata,
        recipes,
        grace=settings.sweep_grace,
        recipe_age=settings.old_recipe_days * _DAY_SECONDS,
        prefix=prefix,
        dry_run=dry_run,
        on_delete=on_delete,
    )


def counts(report: SweepReport) -> dict[str, int]:
    """The counts of a report by name."""
    return {name: getattr(report, name) for name in SweepReport.__slots__}
