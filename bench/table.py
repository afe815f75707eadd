"""The table: every result on a line, in Markdown that reads well on a terminal too."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from statistics import median

from bench.measure import Result, Series


def table(results: Iterable[Result], ours: Sequence[str]) -> str:
    """Times in milliseconds; ratios are the median of the rounds' ratios, with the smallest and the largest.

    `ours` are the names of our servers; the aim is that of the first.
    """
    rows = [_head(ours), *(_row(result, ours) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    rule = "|".join(["", *("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)), ""])
    return "\n".join([lines[0], rule, *lines[1:]])


def missed(results: Iterable[Result], name: str) -> int:
    """How many lines are over their aim."""
    return sum("missed" in _aim(result, name) for result in results)


def _head(ours: Sequence[str]) -> tuple[str, ...]:
    times = chain.from_iterable((f"{name} CPU", "p50", "p99") for name in (*ours, "thumbor"))
    ratios = chain.from_iterable((f"{name} / thumbor", f"{name} / decode") for name in ours)
    return ("case", "connections", *times, "decode CPU", *ratios, "aim")


def _row(result: Result, ours: Sequence[str]) -> tuple[str, ...]:
    decode = _milliseconds(median(result.decode)) if result.decode else ""
    times = chain.from_iterable(_times(result.series.get(name)) for name in (*ours, "thumbor"))
    ratios = (_ratio(result.ratios(name, of)) for name in ours for of in ("thumbor", "decode"))
    return (result.case.title, str(result.connections), *times, decode, *ratios, _aim(result, ours[0]))


def _times(series: Series | None) -> Iterator[str]:
    if series is None:
        return iter(("", "", ""))
    return map(_milliseconds, (series.median_cpu, series.percentile(0.50), series.percentile(0.99)))


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else ""


def _aim(result: Result, name: str) -> str:
    aim = result.case.aim
    if aim is None or not (ratios := result.ratios(name, aim.of)):
        return ""
    return f"{aim.ratio:.2f} of {aim.of}: {'met' if median(ratios) <= aim.ratio else 'missed'}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
