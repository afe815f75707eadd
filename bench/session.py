"""One run of the benchmark: starts what it needs, measures the cases that are wanted, and ends all of it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import PIL

from bench import figures, machine, sharp, thumbor
from bench.cases import BUCKET, FOLDER, Case
from bench.figures import MEMORY, START, Figure
from bench.load import Load, LoadError
from bench.matching import Match, match
from bench.measure import Result, measure
from bench.servers import Peer, Pymager, Sharp, Thumbor, version
from bench.sides import side
from bench.stage import Stage, Table, make_pictures
from bench.stores import CATALOGS, stores
from bench.table import Measured

NewPeer = Callable[[Path], AbstractContextManager[Peer]]
"""Starts a peer in a folder that it makes."""
INIT_ATTEMPTS = 5
UNCACHED = {"PYMAGER_MEMORY_CACHE": "0"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure with which program; `names` are those of cases and quantities, `limit` is in seconds."""

    program: Path
    names: frozenset[str]
    folder: bool
    bucket: bool
    quick: bool
    picture: Path | None
    limit: float

    def cases(self, table: Sequence[Case]) -> list[Case]:
        """Those of a table."""
        asked = self.folder if table is FOLDER else self.bucket
        return [case for case in table if asked and case.name in self.names]

    def has(self, name: str) -> bool:
        """Whether a quantity is measured; they belong to the table over a folder."""
        return self.folder and name in self.names


@dataclass(slots=True)
class Outcome:
    """What was measured, on what and with what, notes for the reader, and whether time sufficed for everything."""

    tables: list[Measured] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True


class Session:
    """A run; `outcome` has what has been measured so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.outcome = Outcome()
        self._deadline = time.monotonic() + wanted.limit
        self._folder_cases, self._bucket_cases = wanted.cases(FOLDER), wanted.cases(BUCKET)

    def run(self) -> None:
        """Measure everything. Raises `LoadError` where a server cannot be had or does not respond as it should."""
        peers = self._installed_peers()
        with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name, ExitStack() as stack:
            folder = Path(name)
            _say("making pictures")
            kinds = {case.original for case in (*self._folder_cases, *self._bucket_cases)}
            kinds |= set(figures.MEMORY_ORIGINALS) if self._wanted.has(MEMORY.name) else set()
            pictures = make_pictures(folder, kinds, self._wanted.picture)
            load = stack.enter_context(Load())
            self._measure_quantities(load, folder, peers, pictures)
            running = {name: stack.enter_context(new(folder / name)) for name, new in peers.items()}
            stage = Stage(load, pictures, running)
            if self._folder_cases:
                table = stack.enter_context(self._over_folder(folder))
                self._measure_table(self._folder_cases, table, stage)
            if self._bucket_cases:
                table = stack.enter_context(self._over_buckets(folder))
                self._measure_table(self._bucket_cases, table, stage)

    def _installed_peers(self) -> dict[str, NewPeer]:
        """What starts the peers that are needed, by name."""
        ours = version(self._wanted.program)
        python = thumbor.install()
        versions = [ours, thumbor.version(python)]
        peers: dict[str, NewPeer] = {"thumbor": lambda folder: Thumbor(python, folder)}
        if self._wanted.has(MEMORY.name) or any("sharp" in case.peers for case in self._folder_cases):
            modules = sharp.install()
            versions.append(sharp.version(modules))
            peers["sharp"] = lambda folder: Sharp(modules, folder)
        versions.append(f"Pillow {PIL.__version__} for the bare decode")
        self.outcome.conditions += [f"Machine: {machine.in_words()}.", f"Versions: {', '.join(versions)}."]
        return peers

    def _measure_quantities(
        self, load: Load, folder: Path, peers: dict[str, NewPeer], pictures: dict[str, Path]
    ) -> None:
        program, quick = self._wanted.program, self._wanted.quick
        if self._wanted.has(MEMORY.name):
            _say(MEMORY.title)
            with ExitStack() as stack:
                ours = stack.enter_context(Pymager(program, folder / "memory-pymager", figures.TWO_WORKERS))
                others = {name: stack.enter_context(new(folder / f"memory-{name}")) for name, new in peers.items()}
                originals = [pictures[kind] for kind in figures.MEMORY_ORIGINALS]
                self._add(figures.memory(load, {"pymager": ours, **others}, originals, quick=quick))
        if self._wanted.has(START.name):
            _say(START.title)
            self._add(figures.start(lambda: Pymager(program, folder / "start"), quick=quick))

    def _add(self, figure: Figure) -> None:
        self.outcome.figures.append(figure)
        self.outcome.notes.append(figure.note)

    @contextmanager
    def _over_folder(self, folder: Path) -> Iterator[Table]:
        program = self._wanted.program
        with Pymager(program, folder / "cached") as cached, Pymager(program, folder / "uncached", UNCACHED) as uncached:
            yield Table("folder", [cached], [uncached])

    @contextmanager
    def _over_buckets(self, folder: Path) -> Iterator[Table]:
        """A pymager with the default settings and one without the memory cache, over each pair of stores."""
        _say("starting MinIO, PostgreSQL and DynamoDB Local")
        with stores(set(CATALOGS)) as servers, ExitStack() as stack:

            def over(catalog: str, name: str, settings: dict[str, str]) -> Pymager:
                where = servers.settings(catalog, name)
                _init(self._wanted.program, where)
                server = Pymager(
                    self._wanted.program, folder / f"{catalog}-{name}", settings | where, name=CATALOGS[catalog]
                )
                return stack.enter_context(server)

            cached = [over(catalog, "cached", {}) for catalog in CATALOGS]
            yield Table("bucket", cached, [over(catalog, "uncached", UNCACHED) for catalog in CATALOGS])

    def _measure_table(self, cases: Sequence[Case], table: Table, stage: Stage) -> None:
        results: list[Result] = []
        matches: dict[str, Match] = {}
        self.outcome.tables.append(Measured(results, table.ours, matches))
        for case in cases:
            if self._out_of_time():
                break
            _say(f"{table.name}: {case.title}")
            if case.equal:
                matches[case.name] = match(case, stage, table.uncached[0])
                self.outcome.notes.append(str(matches[case.name]))
            ours = table.cached if case.cached else table.uncached
            servers = (*ours, *(stage.peers[name] for name in case.peers))
            sides = [side(case, stage, server, table.name) for server in servers]
            picture = stage.pictures[case.original]
            results += measure(case, sides, stage.load, picture, self._out_of_time, quick=self._wanted.quick)
        measured = {(result.case.name, result.connections) for result in results}
        wanted = {(case.name, many): case.title for case in cases for many in case.counts(quick=self._wanted.quick)}
        if left := sorted({wanted[key] for key in wanted.keys() - measured}):
            self.outcome.notes.append(f"Out of time before: {'; '.join(left)}.")
            self.outcome.complete = False

    def _out_of_time(self) -> bool:
        return time.monotonic() > self._deadline


def _init(program: Path, settings: dict[str, str]) -> None:
    """Create what the stores need. On a busy machine a store's first response can come too late, so it is repeated."""
    env = {**os.environ, **settings}
    for _ in range(INIT_ATTEMPTS):
        done = subprocess.run([program, "init"], env=env, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
    raise LoadError(f"{program} init: {done.stderr.strip()}")


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)
