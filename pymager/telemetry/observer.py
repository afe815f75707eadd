"""How components report what they do: operations that take time, and events that are counted."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Self

from pymager.errors import (
    AlreadyExists,
    Fenced,
    LeaseHeld,
    LeaseLost,
    NoSpace,
    NotFound,
    Overloaded,
    RevisionMismatch,
    Unavailable,
)
from pymager.telemetry.context import CURRENT
from pymager.telemetry.families import Family
from pymager.telemetry.metrics import Histogram, Metrics

if TYPE_CHECKING:
    from pymager.telemetry.tracing import Span, Tracer

_ANSWERS = (
    NotFound,
    AlreadyExists,
    RevisionMismatch,
    Fenced,
    LeaseHeld,
    LeaseLost,
    asyncio.CancelledError,
    GeneratorExit,
)
_NOTHING = nullcontext()


def failure(error: BaseException) -> str | None:
    """The name of a failure; None for a normal answer of a store, and for a canceled request."""
    if isinstance(error, _ANSWERS):
        return None
    if isinstance(error, Unavailable):
        return "unavailable"
    if isinstance(error, Overloaded):
        return "overloaded"
    return "no_space" if isinstance(error, NoSpace) else "other"


class Operation:
    """An operation that takes time; `with operation(): ...` measures it once.

    `seconds` is the histogram of its times, `errors` the counter of its failures with all labels but the last, and
    `timing` its name in the timings of the request.
    """

    __slots__ = ("errors", "metrics", "name", "on", "seconds", "timing", "tracer")

    def __init__(
        self,
        observer: "Observer",
        name: str,
        seconds: tuple[Family, *tuple[str, ...]] | None,
        errors: tuple[Family, *tuple[str, ...]] | None,
        timing: str,
    ) -> None:
        self.name = name
        self.on = observer.on
        self.metrics, self.tracer = observer.metrics, observer.tracer
        self.seconds: Histogram | None = None
        if self.metrics is not None and seconds is not None:
            self.seconds = self.metrics.histogram(*seconds)
        self.errors = errors
        self.timing = timing

    def __call__(self) -> "AbstractContextManager[Measurement | None]":
        return Measurement(self) if self.on else _NOTHING

    def took(self, seconds: float, error: BaseException | None) -> bool:
        """Record a time and how the operation ended; returns whether that is a failure."""
        if self.seconds is not None:
            self.seconds.add(seconds)
        if self.timing and (context := CURRENT.get()) is not None and context.timings is not None:
            context.timings.add(self.timing, seconds)
        failed = None if error is None else failure(error)
        if failed is not None and self.metrics is not None and self.errors is not None:
            self.metrics.value(*self.errors, failed).add()
        return failed is not None


class Measurement:
    """One execution of an operation. With `inside` False, its span is not the parent of others."""

    __slots__ = ("_inside", "_since", "_span", "_spent", "_step")

    def __init__(self, operation: Operation, *, inside: bool = True) -> None:
        self._step: Operation | None = operation
        self._inside = inside
        self._span: Span | None = None
        self._spent = 0.0
        self._since = 0.0

    def __enter__(self) -> Self:
        operation = self._step
        if operation is not None and operation.tracer is not None:
            self._span = operation.tracer.start(operation.name, inside=self._inside)
        self._since = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.end(error)

    def pause(self) -> None:
        """Stop the clock."""
        self._spent += perf_counter() - self._since
        self._since = 0.0

    def resume(self) -> None:
        """Start the clock again."""
        self._since = perf_counter()

    def end(self, error: BaseException | None = None) -> None:
        """End it; safe to call more than once."""
        operation, self._step = self._step, None
        if operation is None:
            return
        seconds = self._spent + (perf_counter() - self._since if self._since else 0.0)
        failed = operation.took(seconds, error)
        if self._span is not None:
            self._span.end(error, failed=failed)


class Observer:
    """Metrics, spans of traces, and the timings of each request; each can be off."""

    __slots__ = ("metrics", "on", "timed", "tracer")

    def __init__(self, metrics: Metrics | None = None, tracer: "Tracer | None" = None, *, timed: bool = False) -> None:
        self.metrics = metrics
        self.tracer = tracer
        self.timed = timed
        self.on = timed or metrics is not None or tracer is not None

    def operation(
        self,
        name: str,
        *,
        seconds: tuple[Family, *tuple[str, ...]] | None = None,
        errors: tuple[Family, *tuple[str, ...]] | None = None,
        timing: str = "",
    ) -> Operation:
        """An operation; its spans have the same name."""
        return Operation(self, name, seconds, errors, timing)

    def count(self, family: Family, *labels: str, by: float = 1.0) -> None:
        """Change a counter or gauge, if metrics are on."""
        if self.metrics is not None:
            self.metrics.value(family, *labels).add(by)


OFF = Observer()
