"""Metrics of the worker pool and its jobs."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pymager.errors import NoSpace, NotAPicture, NotFound, Overloaded, PictureError, Unavailable, UnsupportedFormat
from pymager.telemetry.families import (
    JOB_CPU_SECONDS,
    JOB_FAILURES,
    JOB_SECONDS,
    JOB_WAIT_SECONDS,
    JOBS_RUNNING,
    WORKER_RESTARTS,
)
from pymager.telemetry.observer import Measurement, Observer
from pymager.workers.cpu_watch import CpuLimitExceeded
from pymager.workers.process import EXTERNAL_EXIT_CODES, WorkerExited
from pymager.workers.queue import JobKind, Lane

_TIMINGS = {JobKind.RENDER: "render", JobKind.INSPECTION: "inspect", JobKind.ANIMATION: "render"}
_REASONS: dict[type[BaseException], str] = {
    NotAPicture: "not_a_picture",
    PictureError: "over_a_limit",
    UnsupportedFormat: "unsupported",
    Overloaded: "overloaded",
    NotFound: "gone",
    NoSpace: "no_space",
    Unavailable: "unavailable",
    Exception: "other",
}
_JOB_EXIT_REASONS = ("killed", "cpu_limit", "crashed", "exited")
_EXIT_REASONS = ("max_jobs", "memory", "stopped", "evicted", *_JOB_EXIT_REASONS)
_FAILURE_REASONS = (*_REASONS.values(), "timeout", "malformed_answer", *_JOB_EXIT_REASONS)


class JobMetrics:
    """Measures jobs of all kinds."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        for kind in JobKind:
            observer.count(JOBS_RUNNING, kind.label, by=0)
            for why in _FAILURE_REASONS:
                observer.count(JOB_FAILURES, kind.label, why, by=0)
            for lane in Lane:
                for what in ("expected", "taken"):
                    observer.count(JOB_CPU_SECONDS, kind.label, lane.value, what, by=0)
        for why in _EXIT_REASONS:
            observer.count(WORKER_RESTARTS, why, by=0)
        self._waits = {
            kind: observer.operation(
                f"{kind.label}.wait",
                seconds=(JOB_WAIT_SECONDS, kind.label),
                errors=(JOB_FAILURES, kind.label),
                timing="queue",
            )
            for kind in JobKind
        }
        self._runs = {
            kind: observer.operation(f"{kind.label}.run", seconds=(JOB_SECONDS, kind.label), timing=_TIMINGS[kind])
            for kind in JobKind
        }

    def waiting(self, kind: JobKind) -> AbstractContextManager[Measurement | None]:
        """While a job waits for a worker."""
        return self._waits[kind]()

    @contextmanager
    def running(self, kind: JobKind) -> Iterator[None]:
        """While a worker has the job; a failure is counted under its reason."""
        self._observer.count(JOBS_RUNNING, kind.label)
        try:
            with self._runs[kind]():
                yield
        except Exception as error:
            self._observer.count(JOB_FAILURES, kind.label, reason(error))
            raise
        finally:
            self._observer.count(JOBS_RUNNING, kind.label, by=-1)

    def took(self, kind: JobKind, lane: Lane, expected: float, taken: float) -> None:
        """Count the CPU time of a job, in seconds: `lane` is where it waited because of what was expected."""
        self._observer.count(JOB_CPU_SECONDS, kind.label, lane.value, "expected", by=expected)
        self._observer.count(JOB_CPU_SECONDS, kind.label, lane.value, "taken", by=taken)

    def replaced(self, why: str) -> None:
        """Count a worker process that is replaced, by reason."""
        self._observer.count(WORKER_RESTARTS, why)


def reason(error: BaseException) -> str:
    """Why a job failed. The error's context says what happened to its process."""
    cause = error.__context__
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, CpuLimitExceeded):
        return "cpu_limit"
    if isinstance(cause, WorkerExited):
        return exit_reason(cause.code, killed=False)
    if cause is not None and isinstance(error, PictureError):
        return "malformed_answer"
    return next(name for kind, name in _REASONS.items() if isinstance(error, kind))


def exit_reason(code: int, *, killed: bool) -> str:
    """Why a process ended, by its exit code as `subprocess` gives it.

    `killed` says that its own server killed it: after a time limit, a canceled job, or a malformed answer.
    """
    if killed:
        return "stopped"
    if code in EXTERNAL_EXIT_CODES:
        return "killed"
    if code == -signal.SIGXCPU:
        return "cpu_limit"
    return "crashed" if code < 0 else "exited"
