"""Runs a job in a slot: again if its process is to blame, and with an error if the picture is."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from pymager.engine import protocol
from pymager.engine.protocol import Failure, ProtocolError, Status
from pymager.errors import Overloaded, Undecodable
from pymager.workers.child import WorkerStartFailed
from pymager.workers.cpu_watch import Budget, CpuLimitExceeded
from pymager.workers.limits import WorkerLimits
from pymager.workers.process import EXTERNAL_EXIT_CODES, JobRequest, WorkerExited
from pymager.workers.slot import BROKEN, BROKEN_RETRY_AFTER_SECONDS, Slot
from pymager.workers.template import Template

_MAX_OLDER_WORKERS = 3  # of a slot, that were forked before all modules were loaded: running, starting, and ready

log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _ModuleNeeded:
    """The answer of a worker that lacks this module."""

    name: str


class Attempts:
    """Runs jobs in the slots of a pool, whose processes are forked from `template`."""

    def __init__(self, template: Template, limits: WorkerLimits) -> None:
        self._template = template
        self._limits = limits

    async def run(self, slot: Slot, job: JobRequest, read: Callable[[Status, bytes], T], budget: Budget) -> T:
        """Run a job, and read its answer. Canceling it kills its process.

        Raises `PictureError`, `NoSpace`, `Unavailable`, `Overloaded` and `Evicted`.

        It runs again if its process was killed from outside, lacked a module, or lacked memory that it kept from other
        jobs.
        """

        def outcome(status: Status, payload: bytes) -> T | Failure | _ModuleNeeded:
            if status is Status.NEEDS_MODULES:
                return _ModuleNeeded(payload.decode(errors="replace"))
            return protocol.read_failure(payload) if status is Status.FAILED else read(status, payload)

        try:
            try:
                result = await slot.run(job, budget, outcome)
            except WorkerExited as end:
                if end.code not in EXTERNAL_EXIT_CODES:
                    raise
                result = await slot.run(job, budget, outcome)
            for _ in range(_MAX_OLDER_WORKERS):
                if isinstance(result, _ModuleNeeded):
                    await self._load_modules(slot)
                    result = await slot.run(job, budget, outcome)
            if isinstance(result, Failure) and result.out_of_memory:
                slot.discard("memory")
                result = await slot.run(job, budget, outcome)
        except TimeoutError:
            raise Undecodable(
                f"the picture took longer than {budget.wall_seconds:g} seconds to decode (PYMAGER_WORKER_TIMEOUT)"
            ) from None
        except CpuLimitExceeded:
            raise Undecodable(
                f"the picture takes more than {budget.cpu_seconds:g} seconds of processor time to decode, the limit "
                "(PYMAGER_MAX_DECODE_SECONDS); save it in another format, or smaller"
            ) from None
        except WorkerExited as end:
            raise Undecodable(self._exit_message(end)) from None
        except ProtocolError as error:
            log.error("malformed answer from a worker process", error=str(error))
            raise Undecodable("the picture made its decoder send a malformed answer") from None
        if isinstance(result, _ModuleNeeded):
            log.error("worker process lacks a module that cannot be loaded", module=repr(result.name))
            raise Undecodable("the picture needs a module that its decoder does not have; the server's log has details")
        if not isinstance(result, Failure):
            return result
        if result.traceback:
            log.warning("unexpected exception in a decoder", trace=result.traceback)
        raise result.error

    async def _load_modules(self, slot: Slot) -> None:
        """Replace the slot's process by one with all modules. Raises `Undecodable` if they leave no memory."""
        try:
            has_room = await self._template.load_all(self._limits.memory - protocol.LEAST_MEMORY_BYTES)
        except (WorkerStartFailed, OSError) as error:
            log.error("worker template cannot load modules", error=str(error))
            raise Overloaded(BROKEN, retry_after=BROKEN_RETRY_AFTER_SECONDS) from None
        slot.discard("modules")
        if not has_room:
            raise Undecodable(protocol.OUT_OF_MEMORY_MESSAGE.format(self._limits.memory >> 20))

    def _exit_message(self, end: WorkerExited) -> str:
        if end.code in EXTERNAL_EXIT_CODES:
            return "the picture's worker process was killed twice from outside; it probably needs too much memory"
        if end.code == -signal.SIGXCPU:
            return f"the picture took more than {self._limits.cpu_seconds} seconds of processor time to decode"
        if end.code < 0:
            return f"the picture crashed its worker process ({signal.strsignal(-end.code)})"
        return f"the picture ended its worker process (exit code {end.code})"
