"""`bench/run`: measures, prints the tables, keeps them in bench/results/, and writes the pages' figures."""

import argparse
import datetime
import sys
import textwrap
from pathlib import Path

from bench import pages
from bench.cases import BUCKET, FOLDER, NOT_QUICK
from bench.figures import QUANTITIES
from bench.load import LoadError
from bench.session import Outcome, Session, Wanted
from bench.table import full, short

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
_EXPLANATION = ROOT / "docs" / "explanation"
README, SPEED, PAGE = ROOT / "README.md", _EXPLANATION / "speed.md", _EXPLANATION / "benchmark.md"
NAMES = tuple(dict.fromkeys(row.name for row in (*FOLDER, *BUCKET, *QUANTITIES)))
LIMIT_SECONDS = 1_500.0
TABLES = ("folder", "bucket")
PAGE_WIDTH = 120


def main() -> int:
    """Run the benchmark; 1 where it could not be run, 0 also where an aim was missed: a machine is no judge."""
    options = _options()
    session = Session(_wanted(options))
    outcome, error = session.outcome, None
    try:
        session.run()
    except LoadError as failure:  # what has been measured before is still told
        error = f"bench: {failure}"
    if outcome.tables or outcome.figures:
        summary, everything = _summary(outcome, quick=options.quick), _everything(outcome)
        print(f"\n{summary}\n\n{everything}")
        RESULTS.mkdir(exist_ok=True)
        now = datetime.datetime.now(datetime.UTC)
        (RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.md").write_text(f"{summary}\n\n{everything}\n", "utf-8")
    if error is None and options.write and not outcome.complete:
        error = "bench: the pages are not written, because there was no time for all cases"
    if error is not None:
        print(error, file=sys.stderr)
        return 1
    if options.write:
        pages.write(SPEED, summary)
        pages.write(README, pages.excerpt(summary))
        pages.write(PAGE, f"{_conditions(outcome, quick=options.quick)}\n\n{everything}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="CPU time, latency and memory of pymager, thumbor and sharp."
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer requests: some minutes instead of up to half an hour"
    )
    parser.add_argument("--table", choices=TABLES, help="the one over a folder, or over a bucket; default: both")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--picture", type=Path, help="a JPEG of your own in place of the one of 12 megapixels")
    parser.add_argument("--program", type=Path, default=ROOT / ".venv" / "bin" / "pymager", help="the pymager to run")
    parser.add_argument("--write", action="store_true", help="write the tables of README.md and docs/")
    options = parser.parse_args()
    if options.write and (options.table or options.only or options.picture):
        parser.error("--write is for a run of everything: not with --table, --only or --picture")
    return options


def _wanted(options: argparse.Namespace) -> Wanted:
    names = options.only or [name for name in NAMES if not (options.quick and name in NOT_QUICK)]
    return Wanted(
        program=options.program,
        names=frozenset(names),
        folder=options.table != "bucket",
        bucket=options.table != "folder",
        quick=options.quick,
        picture=options.picture,
        limit=LIMIT_SECONDS,
    )


def _summary(outcome: Outcome, *, quick: bool) -> str:
    """The short table, with what was measured where above it."""
    table, aims, missed = short(outcome.tables, outcome.figures)
    count = [f"{aims - missed} of {aims} aims are met."] if aims else []
    above = _conditions(outcome, *count, quick=quick)
    return f"{above}\n\n{table}" if aims else above


def _everything(outcome: Outcome) -> str:
    """The tables of all results, and the notes."""
    tables = [full(measured) for measured in outcome.tables if measured.results]
    return "\n\n".join([*tables, "\n".join(_filled(f"- {note}", indent="  ") for note in outcome.notes)])


def _conditions(outcome: Outcome, *more: str, quick: bool) -> str:
    now = datetime.datetime.now(datetime.UTC)
    run = "a short run (`--quick`)" if quick else "`make bench`"
    sentences = [f"Measured on {now:%Y-%m-%d} by {run}.", *outcome.conditions, *more]
    return _filled(" ".join(sentences))


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, PAGE_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
