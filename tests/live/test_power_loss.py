"""The power fails at any moment of a load over a folder and SQLite: what was acknowledged is there afterwards.

POWER_LOSS_SEED repeats a run's choices (not its timing), POWER_LOSS_UPLOADS and POWER_LOSS_FAILURES make it longer.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.live.client import Client
from tests.live.power_loss import recorder
from tests.live.power_loss.disk import (
    Change,
    Disk,
    Failure,
    File,
    Folder,
    Kind,
    LosesAll,
    LosesNothing,
    LosesSome,
    Node,
    differences,
    read_changes,
)
from tests.live.power_loss.load import Load, Recording
from tests.live.program import command, running
from tests.live.test_first_start import OPEN, shown_password, upload_status
from tests.live.traces import assert_swept
from tests.pictures import jpeg
from tests.servers import Missing

_READS_AT_ONCE = 8
_SESSIONS = 3  # of the program that is recorded: one ends in order, the others with `kill -9`

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True, scope="module")
def _compiler() -> None:
    try:
        recorder()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


@dataclass(frozen=True)
class Crash:
    """The power fails when the record has this size; `failure` says what remains of what was not synced."""

    size: int
    failure: Failure


@dataclass(frozen=True)
class Recorded:
    """A whole run: what clients know, and the changes of the disk in order."""

    recording: Recording
    changes: list[Change]

    @classmethod
    def of(cls, recording: Recording) -> "Recorded":
        return cls(recording, read_changes(recording.log))

    def after(self, crash: Crash, folder: Path, is_ignored: Callable[[Node], bool] = lambda _: False) -> Path:
        """The disk after a crash."""
        for _, found in self.after_each([crash], folder, is_ignored):
            return found
        raise AssertionError

    def after_each(
        self, crashes: list[Crash], folder: Path, is_ignored: Callable[[Node], bool] = lambda _: False
    ) -> Iterator[tuple[Crash, Path]]:
        """The disk after each of the crashes, in one pass over the record."""
        disk = Disk(self.recording.disk.stat().st_ino, is_ignored)
        changes = iter(self.changes)
        change = next(changes, None)
        for number, crash in enumerate(sorted(crashes, key=lambda crash: crash.size)):
            while change is not None and change.end <= crash.size:
                disk.apply(change)
                change = next(changes, None)
            disk.write(folder / f"crash-{number}", crash.failure)
            yield crash, folder / f"crash-{number}"


@pytest.fixture(scope="module")
def seed() -> int:
    return int(os.environ.get("POWER_LOSS_SEED") or secrets.randbelow(1 << 32))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Recorded:
    """A load in three sessions of the program, the last of which ends as if the power failed."""
    uploads = int(os.environ.get("POWER_LOSS_UPLOADS") or 60)
    recording = Recording(tmp_path_factory.mktemp("power-loss"))
    asyncio.run(_record(recording, Random(seed), uploads))
    return Recorded.of(recording)


async def _record(recording: Recording, random: Random, uploads: int) -> None:
    load = Load(recording, random)
    for session in range(_SESSIONS):
        async with recording.running(f"session-{session}", sweep_interval=0.3, sweep_grace=0, mezzanine=256) as program:
            await load.run(program, -(-uploads // _SESSIONS))
            if session == 0:
                assert await program.stop() == 0
            else:
                await program.kill()
            assert program.logged("internal error") == []


def test_the_record_is_complete(recorded: Recorded, tmp_path: Path) -> None:
    """All changes together give the folder as it is: the recorder has missed nothing."""
    disk = recorded.after(Crash(recorded.recording.size, LosesNothing()), tmp_path)
    assert differences(disk, recorded.recording.disk) == []
    kinds = Counter(change.kind for change in recorded.changes)
    assert {Kind.CREATE, Kind.WRITE, Kind.SYNC, Kind.RENAME, Kind.LINK, Kind.REMOVE, Kind.MKDIR} <= set(kinds)


async def test_what_was_acknowledged_survives_a_power_failure(
    recorded: Recorded, seed: int, tmp_path: Path, summarize: Callable[[str], None]
) -> None:
    recording = recorded.recording
    failures = int(os.environ.get("POWER_LOSS_FAILURES") or 6)
    crashes = _crashes(recorded, Random(seed), failures)
    survived = 0
    for crash, disk in recorded.after_each(crashes, tmp_path):
        where = f"POWER_LOSS_SEED={seed}, {type(crash.failure).__name__} at {crash.size} of {recording.size}"
        assert await losses(disk, recording.possible(crash.size)) == [], where
        survived += recording.acknowledged(crash.size)
    await assert_swept(disk)
    summarize(
        f"POWER_LOSS_SEED={seed}: {recording.uploads} uploads and {len(recording.acknowledgments)} writes on "
        f"{len(recording.writes)} ids, {len(recorded.changes)} changes of the disk, {len(crashes)} power failures; "
        f"{survived} acknowledged writes were verified"
    )


def _crashes(recorded: Recorded, random: Random, count: int) -> list[Crash]:
    """Right after an acknowledgment, anywhere, and before the first one: while the stores are created."""
    acknowledgments = recorded.recording.acknowledgments
    ends = [change.end for change in recorded.changes]
    begin = [end for end in ends if end < acknowledgments[0]]
    choices = (acknowledgments, ends, begin, acknowledgments)
    crashes = [
        Crash(random.choice(choices[number % 4]), LosesSome(random.getrandbits(32)) if number % 2 else LosesAll())
        for number in range(count - 1)
    ]
    return [*crashes, Crash(acknowledgments[-1], LosesAll())]


def _is_of_catalog(node: Node) -> bool:
    return isinstance(node, File) and node.name.startswith(b"catalog.db")


@pytest.mark.parametrize(
    ("what", "is_ignored"),
    [
        ("everything", lambda _: True),
        ("blobs", lambda node: isinstance(node, File) and not _is_of_catalog(node)),
        ("the catalog", _is_of_catalog),
        ("folders", lambda node: isinstance(node, Folder)),
    ],
)
async def test_a_sync_that_is_not_made_is_seen(
    recorded: Recorded, tmp_path: Path, what: str, is_ignored: Callable[[Node], bool]
) -> None:
    """The same failure loses what was acknowledged if the syncs of this kind do nothing."""
    size = recorded.recording.acknowledgments[-1]
    disk = recorded.after(Crash(size, LosesAll()), tmp_path, is_ignored)
    assert await losses(disk, recorded.recording.possible(size)) != []


async def test_a_catalog_in_new_folders_of_its_own_survives(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "recording")
    below = "catalogs/one/catalog.db"
    async with recording.running("program", metadata=f"sqlite:///{recording.disk}/{below}") as program:
        await Load(recording, Random(0)).run(program, 4)
        await program.kill()
    size = recording.acknowledgments[-1]
    disk = Recorded.of(recording).after(Crash(size, LosesAll()), tmp_path)
    assert await losses(disk, recording.possible(size), metadata=f"sqlite:///{disk}/{below}") == []


async def test_a_password_that_was_shown_is_the_one_after_a_power_failure(tmp_path: Path) -> None:
    """The power fails as soon as the user has a name on the disk: the password is shown after the next change."""
    recording = Recording(tmp_path / "recording")
    async with recording.running("program", **OPEN) as program:
        password = shown_password(program)
        assert password is not None
        await program.kill()
    recorded = Recorded.of(recording)
    names = iter(recorded.changes)
    assert any(change.kind is Kind.LINK and change.name == b"first-user" for change in names)
    disk = recorded.after(Crash(next(names).end, LosesAll()), tmp_path)
    async with running(disk, **OPEN) as program:
        assert shown_password(program) is None
        assert await upload_status(program, "admin", password) == 201


async def losses(folder: Path, possible: dict[str, set[str | None]], **settings: object) -> list[str]:
    """What is not as it has to be after a start on this disk, which then takes new uploads."""
    found: list[str] = []
    try:
        async with running(folder, name="after", **settings) as program, Client(program.url) as client:
            slots = asyncio.Semaphore(_READS_AT_ONCE)

            async def read(id: str, states: set[str | None]) -> None:
                async with slots:
                    answer = await client.get(f"/original/{id}")
                seen = {200: sha256(answer.body).hexdigest(), 404: None}.get(answer.status, f"status {answer.status}")
                if seen not in states:
                    found.append(f"{id} is {seen} and not {states}")

            await asyncio.gather(*(read(id, states) for id, states in possible.items()))
            if (answer := await client.put("a-new-one", jpeg(40, 30))).status != 201:
                found.append(f"a new upload: {answer}")
            if (code := await program.stop()) != 0:
                found.append(f"the program ended with {code}")
    except AssertionError as error:
        found.append(str(error))
    checked = await command(folder, "check", **settings)
    return found if checked.code == 0 else [*found, checked.out + checked.err]
