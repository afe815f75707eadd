"""Tables in Markdown that read well on a terminal too: one of every result, and the short one of the page on speed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from bench.aims import MANY, ONE, in_words, verdict
from bench.cases import BUCKET, FOLDER, Case
from bench.figures import QUANTITIES, Figure
from bench.matching import Match
from bench.measure import Result, Series
from bench.stores import CATALOGS

SHORT_HEAD = ("request", "pymager", "thumbor", "sharp", "bare decode", "1 connection", "16 connections", "aim")
NAMES = ("pymager", "thumbor", "sharp")


@dataclass(frozen=True, slots=True)
class Measured:
    """A table's results, with the names of our servers in it, and the matches of files by the case's name."""

    results: Sequence[Result]
    ours: Sequence[str]
    matches: Mapping[str, Match]

    def cases(self) -> list[tuple[Case, dict[int, Result]]]:
        """Each case with its results by the number of connections."""
        found: dict[str, tuple[Case, dict[int, Result]]] = {}
        for result in self.results:
            found.setdefault(result.case.name, (result.case, {}))[1][result.connections] = result
        return list(found.values())


def full(measured: Measured) -> str:
    """Times in milliseconds; ratios are the median of the rounds' ratios, with the smallest and the largest."""
    peers = sorted({name for result in measured.results for name in result.case.peers}, reverse=True)
    rows = [_head(measured.ours, peers), *(_row(result, measured.ours, peers) for result in measured.results)]
    return in_markdown(rows, left=1)


def short(tables: Iterable[Measured], figures: Iterable[Figure]) -> tuple[str, int, int]:
    """A line for each aim; with how many aims there are, and how many of them are missed."""
    rows = [*chain.from_iterable(map(_short_rows, tables)), *map(_figure_row, figures)]
    missed = sum("missed" in row[-1] for row in rows)
    return in_markdown([SHORT_HEAD, *rows], left=1), len(rows), missed


def titles() -> list[str]:
    """The titles of the short table's lines, in their order, where everything is measured."""
    folder = [case.title for case in FOLDER if case.aims]
    bucket = [_over(case, name) for case in BUCKET if case.aims for name in CATALOGS.values()]
    return folder + bucket + [quantity.title for quantity in QUANTITIES]


def in_markdown(rows: Sequence[Sequence[str]], left: int) -> str:
    """The rows, of which the first is the head, with `left` columns that are aligned to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [_line(row, widths, left) for row in rows]
    rule = "|".join(["", *("-" * (width + 1) + ("-" if i < left else ":") for i, width in enumerate(widths)), ""])
    return "\n".join([lines[0], rule, *lines[1:]])


def _short_rows(measured: Measured) -> Iterator[tuple[str, ...]]:
    for case, by_connections in measured.cases():
        if case.aims and by_connections.keys() >= case.aims.keys():
            for name in measured.ours:
                title = case.title if name == "pymager" else _over(case, name)
                yield _short_row(title, case, by_connections, name, measured.matches.get(case.name))


def _over(case: Case, name: str) -> str:
    return f"{case.title}, {name}"


def _short_row(
    title: str, case: Case, by_connections: Mapping[int, Result], name: str, match: Match | None
) -> tuple[str, ...]:
    busy = by_connections[MANY]
    times = [_short_time(busy.series.get(server)) for server in (name, "thumbor", "sharp")]
    decode = _milliseconds(median(busy.decode)) + " ms" if busy.decode else ""
    ratios = {many: by_connections[many].ratios(name, aim.of) for many, aim in case.aims.items()}
    said = verdict(case.aims, ratios, equal=match is None or match.equal)
    return (
        title,
        *times,
        decode,
        *(_plain_ratio(ratios.get(many)) for many in (ONE, MANY)),
        f"{in_words(case.aims)}: {said}",
    )


def _figure_row(figure: Figure) -> tuple[str, ...]:
    values = [figure.quantity.in_words(figure.values[name]) if name in figure.values else "" for name in NAMES]
    aim = figure.quantity.in_words(figure.quantity.aim)
    return (figure.quantity.title, *values, "", "", "", f"{aim}: {'met' if figure.met else '**missed**'}")


def _short_time(series: Series | None) -> str:
    return f"{_milliseconds(series.median_cpu)} ms" if series else ""


def _plain_ratio(ratios: Sequence[float] | None) -> str:
    if not ratios:
        return ""
    value = median(ratios)
    return f"{value:.2f}" if value >= 0.2 else f"{value:.3f}"


def _head(ours: Sequence[str], peers: Sequence[str]) -> tuple[str, ...]:
    times = chain.from_iterable((f"{name} CPU", "p50", "p99") for name in (*ours, *peers))
    ratios = chain.from_iterable(_against(name, peers) for name in ours)
    return ("case", "connections", *times, "decode CPU", *ratios, "aim")


def _against(name: str, peers: Sequence[str]) -> list[str]:
    return [f"{name} / {other}" for other in (*peers, "decode")]


def _row(result: Result, ours: Sequence[str], peers: Sequence[str]) -> tuple[str, ...]:
    decode = _milliseconds(median(result.decode)) if result.decode else ""
    times = chain.from_iterable(_times(result.series.get(name)) for name in (*ours, *peers))
    ratios = (_ratio(result.ratios(name, of)) for name in ours for of in (*peers, "decode"))
    return (result.case.title, str(result.connections), *times, decode, *ratios, _aim(result, ours))


def _times(series: Series | None) -> Iterator[str]:
    if series is None:
        return iter(("", "", ""))
    return map(_milliseconds, (series.median_cpu, series.percentile(0.50), series.percentile(0.99)))


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else ""


def _aim(result: Result, ours: Sequence[str]) -> str:
    aim = result.case.aims.get(result.connections)
    if aim is None:
        return ""
    verdicts = ("met" if aim.met(result.ratios(name, aim.of)) else "missed" for name in ours)
    return f"{aim}: {', '.join(verdicts)}"


def _line(row: Sequence[str], widths: Sequence[int], left: int) -> str:
    cells = [
        cell.ljust(width) if i < left else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"
