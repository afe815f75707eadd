"""The table: every result on a line, in Markdown that reads well on a terminal too."""

from collections.abc import Iterable, Sequence
from statistics import median

from bench.measure import Result, Series

_HEAD = (
    *("case", "connections"),
    *("pymager CPU", "p50", "p99"),
    *("thumbor CPU", "p50", "p99"),
    *("decode CPU", "pymager / thumbor", "pymager / decode", "aim"),
)


def table(results: Iterable[Result]) -> str:
    """Times in milliseconds; ratios are the median of the rounds' ratios, with the smallest and the largest."""
    rows = [_HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [_line(row, widths) for row in rows]
    rule = "|".join(["", *("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)), ""])
    return "\n".join([lines[0], rule, *lines[1:]])


def missed(results: Iterable[Result]) -> int:
    """How many lines are over their aim."""
    return sum("missed" in _aim(result) for result in results)


def _row(result: Result) -> tuple[str, ...]:
    decode = _milliseconds(median(result.decode)) if result.decode else ""
    return (
        result.case.title,
        str(result.connections),
        *_times(result.series.get("pymager")),
        *_times(result.series.get("thumbor")),
        decode,
        _ratio(result.ratios("thumbor")),
        _ratio(result.ratios("decode")),
        _aim(result),
    )


def _times(series: Series | None) -> tuple[str, str, str]:
    if series is None:
        return "", "", ""
    times = (series.median_cpu, series.percentile(0.50), series.percentile(0.99))
    return tuple(_milliseconds(seconds) for seconds in times)  # type: ignore[return-value]


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else ""


def _aim(result: Result) -> str:
    aim = result.case.aim
    if aim is None or not (ratios := result.ratios(aim.of)):
        return ""
    return f"{aim.ratio:.2f} of {aim.of}: {'met' if median(ratios) <= aim.ratio else 'missed'}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
