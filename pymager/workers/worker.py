"""A reserved worker process, and the jobs that it runs for its holder."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pymager.engine import protocol
from pymager.engine.jobs import Header, Inspection, Mezzanine, RenderJob
from pymager.engine.protocol import ProtocolError, Status
from pymager.workers.cpu_watch import Evicted
from pymager.workers.process import JobRequest
from pymager.workers.queue import JobKind
from pymager.workers.slot import Slot

if TYPE_CHECKING:
    from pymager.workers.pool import WorkerPool

T = TypeVar("T")


@contextmanager
def _removing_on_failure(file: Path | str | None) -> Iterator[None]:
    """Remove a file that a worker may have written, if the block fails."""
    try:
        yield
    except BaseException:
        if file is not None:
            Path(file).unlink(missing_ok=True)
        raise


class Worker:
    """A worker process that is reserved for its holder, for jobs of one kind.

    A job that turns out expensive can get another process. `taken_seconds` is the CPU time that its jobs have taken.
    """

    def __init__(self, pool: "WorkerPool", slot: Slot, kind: JobKind, seconds: float, cpu_limit: float) -> None:
        """`seconds` is the CPU time that its jobs are expected to take, and `cpu_limit` what each may take."""
        self.slot: Slot | None = slot
        self.taken_seconds = 0.0
        self._pool = pool
        self.kind = kind
        self.seconds = seconds
        self._cpu_limit = cpu_limit

    async def _run(self, job: JobRequest, read: Callable[[Status, bytes], T]) -> T:
        """Run a job. One that is not as cheap as it seemed goes on as an expensive one, or has to wait for that."""
        try:
            return await self._run_once(job, read)
        except Evicted:
            await self._pool.move_to_expensive(self)
            return await self._run_once(job, read)

    async def _run_once(self, job: JobRequest, read: Callable[[Status, bytes], T]) -> T:
        assert self.slot is not None
        slot, before = self.slot, self.slot.taken_seconds
        try:
            return await self._pool.run(slot, job, read, self._cpu_limit)
        finally:
            self.taken_seconds += slot.taken_seconds - before

    async def read_header(self, path: Path) -> Header:
        """Read the header of the file at `path`. Raises as `WorkerPool.inspect` does."""

        def read(status: Status, payload: bytes) -> Header:
            if status is not Status.HEADER:
                raise ProtocolError(f"a request for a header was answered with {status.name}")
            return protocol.read_header(payload)

        with self._pool.metrics.running(self.kind):
            async with self._pool.sources.opened(path) as files:
                return await self._run(JobRequest(protocol.header_request(), files), read)

    async def inspect(self, path: Path, mezzanine: Mezzanine | None = None, spool: Path | None = None) -> Inspection:
        """Decode the whole file at `path`, and say what it is. Raises as `WorkerPool.inspect` does.

        A `mezzanine` is made too, if one pays, as a file in the folder `spool`; the caller then owns the file.
        """
        file = None if mezzanine is None or spool is None else spool / secrets.token_hex(8)
        pool = self._pool

        def read(status: Status, payload: bytes) -> Inspection:
            if status is not Status.INSPECTION:
                raise ProtocolError(f"an inspection was answered with {status.name}")
            return protocol.read_inspection(payload, pool.max_frames, file)

        with pool.metrics.running(self.kind), _removing_on_failure(file):
            message = protocol.inspect_request(pool.background, mezzanine if file is not None else None)
            async with pool.sources.opened(path) as files:
                inspection = await self._run(JobRequest(message, files, file), read)
        if file is not None and inspection.mezzanine is None:
            file.unlink(missing_ok=True)  # a part of it, if the spool is full
        return inspection

    async def make_mezzanine(self, path: Path, mezzanine: Mezzanine, spool: Path) -> Path | None:
        """Make the mezzanine of the original at `path`: a file in the folder `spool`, which the caller then owns.

        None means that the original gets none. Raises as `render` does.
        """
        file = spool / secrets.token_hex(8)

        def read(status: Status, payload: bytes) -> Path | None:
            match status:
                case Status.FILE if file.is_file() and not file.is_symlink():
                    return file
                case Status.NO_MEZZANINE:
                    return None
            raise ProtocolError(f"a mezzanine was answered with {status.name} of {len(payload)} bytes")

        with self._pool.metrics.running(self.kind), _removing_on_failure(file):
            async with self._pool.sources.opened(path) as files:
                return await self._run(JobRequest(protocol.mezzanine_request(mezzanine), files, file), read)

    async def render(self, path: Path, job: RenderJob, spool: Path) -> bytes | Path | None:
        """Render a variant of the file at `path`. None means that the file's own bytes are the variant.

        A variant of over 4 MiB is returned as a file in the folder `spool`; the caller then owns the file. Raises
        `PictureError`, `UnsupportedFormat`, `NotFound` if the file is gone, `WatermarkChanged` if that of the overlay
        is, `NoSpace`, `Unavailable` and `Overloaded`; also `MezzanineDamaged`, if `path` is a mezzanine
        (`RenderJob.upright`).
        """
        file = f"{spool}/{secrets.token_hex(8)}"  # a `Path` would take longer, and few variants need it

        def read(status: Status, payload: bytes) -> bytes | Path | None:
            match status:
                case Status.BODY if payload:
                    return payload
                case Status.FILE if (path := Path(file)).is_file() and not path.is_symlink():
                    return path
                case Status.ORIGINAL:
                    return None
            raise ProtocolError(f"a render was answered with {status.name} of {len(payload)} bytes")

        with self._pool.metrics.running(self.kind), _removing_on_failure(file):
            overlay = None if job.overlay is None else str(job.overlay.file)
            async with self._pool.sources.opened(path, overlay) as files:
                return await self._run(JobRequest(protocol.render_request(job), files, file), read)
