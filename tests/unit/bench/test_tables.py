"""What the benchmark says of its results: aims, verdicts, the short table and the pages that have it."""

import re
from pathlib import Path

import pytest

from bench import pages
from bench.__main__ import NAMES, PAGE, README, SPEED, _options
from bench.aims import MANY, ONE, Aim, always, in_words, verdict
from bench.cases import BUCKET, FOLDER, Case
from bench.figures import MEMORY, START, Figure
from bench.matching import File, Match
from bench.measure import Result, Series
from bench.table import SHORT_HEAD, Measured, full, short, titles

THUMBOR_COST, DECODE_COST = 0.010, 0.020


def measured(case: Case, ours: dict[str, tuple[float, float]], match: Match | None = None) -> Measured:
    """Results whose every round took our servers these CPU seconds, at 1 and at 16 connections."""

    def result(connections: int, index: int) -> Result:
        series = {name: Series([costs[index]] * 3, [0.1]) for name, costs in ours.items()}
        series["thumbor"] = Series([THUMBOR_COST] * 3, [0.2])
        return Result(case, connections, series, [DECODE_COST] * 3)

    return Measured([result(ONE, 0), result(MANY, 1)], tuple(ours), {case.name: match} if match else {})


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def case(aims: dict[int, Aim], name: str = "a", title: str = "a request") -> Case:
    return Case(name, title, "hit", aims)


@pytest.mark.parametrize(
    ("one", "many", "said"),
    [
        (0.01, 0.01, "met"),
        (0.03, 0.01, "**missed** at 1"),
        (0.01, 0.03, "**missed** at 16"),
        (0.03, 0.03, "**missed**"),
    ],
)
def test_a_row_says_whether_its_aim_is_met_and_at_which_connections_it_is_not(
    one: float, many: float, said: str
) -> None:
    table, aims, missed = short([measured(case(always(Aim(1.2, "decode"))), {"pymager": (one, many)})], [])
    row = cells(table)[2]
    assert row[0] == "a request"
    assert row[1:3] == [f"{many * 1000:.1f} ms", "10.0 ms"]
    assert row[4:7] == ["20.0 ms", f"{one / DECODE_COST:.2f}", f"{many / DECODE_COST:.2f}"]
    assert row[7] == f"1.2 of the bare decode: {said}"
    assert (aims, missed) == (1, 0 if said == "met" else 1)


def test_an_aim_in_cpu_is_missed_if_the_picture_is_worse_than_the_peers() -> None:
    match = Match("WebP", File(1, 0.9), {"sharp": File(1, 0.95)}, False, "as good")
    table, _, missed = short([measured(case(always(Aim(2, "thumbor"))), {"pymager": (0.01, 0.01)}, match)], [])
    assert cells(table)[2][7] == "2 of thumbor: **missed** in quality"
    assert missed == 1


def test_every_catalog_has_a_row_of_its_own() -> None:
    costs = {"S3 + A": (0.001, 0.001), "S3 + B": (0.02, 0.02)}
    table, aims, missed = short([measured(case(always(Aim(0.2, "thumbor"))), costs)], [])
    assert [(row[0], row[7]) for row in cells(table)[2:]] == [
        ("a request, S3 + A", "0.2 of thumbor: met"),
        ("a request, S3 + B", "0.2 of thumbor: **missed**"),
    ]
    assert (aims, missed) == (2, 1)


def test_a_case_without_an_aim_is_in_the_full_table_only() -> None:
    results = measured(case({}), {"pymager": (0.01, 0.02)})
    assert len(cells(full(results))) == 4
    assert short([results], [])[1] == 0


def test_quantities_have_their_unit_and_their_own_aim() -> None:
    figures = [Figure(MEMORY, {"pymager": 170.2, "thumbor": 40}, ""), Figure(START, {"pymager": 0.399}, "")]
    table, aims, missed = short([], figures)
    memory, start = cells(table)[2:]
    assert memory[1:4] == ["170 MB", "40 MB", ""]
    assert memory[7] == "165 MB: **missed**"
    assert (start[1], start[7]) == ("0.40 s", "0.40 s: met")
    assert (aims, missed) == (2, 1)


def test_aims_that_differ_between_connections_are_both_named() -> None:
    aims = {ONE: Aim(0.2, "thumbor"), MANY: Aim(0.0854, "thumbor")}
    assert in_words(aims) == "0.2 (1), 0.0854 (16) of thumbor"
    assert verdict(aims, {ONE: [0.2], MANY: [0.1, 0.0, 0.09]}) == "**missed** at 16"


def test_a_page_is_written_between_its_markers_only() -> None:
    page = f"# Head\n\n{pages.BEGIN}\nold\n{pages.END}\n\ntail\n"
    once = pages.replaced(page, "| new |")
    assert pages.part(once) == "| new |"
    assert (once.split(pages.BEGIN)[0], once.split(pages.END)[1]) == ("# Head\n\n", "\n\ntail\n")
    assert pages.replaced(once, "| new |") == once


@pytest.mark.parametrize("page", ["", pages.BEGIN, f"{pages.END}{pages.BEGIN}", f"{pages.BEGIN}{pages.END}" * 2])
def test_a_page_without_both_markers_once_is_refused(page: str) -> None:
    with pytest.raises(pages.NoMarkersError):
        pages.replaced(page, "")


def test_the_page_on_speed_has_a_row_for_each_aim_and_no_other() -> None:
    _, *lines = pages.part(SPEED.read_text("utf-8")).split("\n\n")
    head, rule, *rows = cells(lines[0])
    assert tuple(head) == SHORT_HEAD
    assert all(re.fullmatch("-+:?", cell) for cell in rule)
    assert [row[0] for row in rows] == titles()
    assert all(len(row) == len(SHORT_HEAD) and re.search(r": (met|\*\*missed\*\*)", row[-1]) for row in rows)


def test_the_page_on_speed_says_when_and_with_what_its_figures_were_measured() -> None:
    above = " ".join(pages.part(SPEED.read_text("utf-8")).split("\n\n")[0].split())
    assert re.match(
        r"Measured on \d{4}-\d\d-\d\d by .*Machine: \d+ cores .*Versions: pymager .*, thumbor .*, sharp ", above
    )
    assert re.search(r"(\d+) of (\d+) aims are met\.$", above)


def test_the_readme_has_some_rows_of_the_page_on_speed() -> None:
    text = pages.part(README.read_text("utf-8"))
    assert text == pages.excerpt(pages.part(SPEED.read_text("utf-8")))
    assert len(text.splitlines()) == 2 + len(pages._EXCERPT)


def test_the_page_about_the_benchmark_has_both_tables_and_explains_every_case() -> None:
    page = PAGE.read_text("utf-8")
    heads = [line for line in pages.part(page).splitlines() if line.startswith("| case ")]
    assert [("pymager CPU" in head, "S3 + PostgreSQL CPU" in head) for head in heads] == [(True, False), (False, True)]
    assert [name for name in NAMES if f"`{name}`" not in page] == []


def test_no_two_cases_of_a_table_have_the_same_name_or_title() -> None:
    for table in (FOLDER, BUCKET):
        assert len({one.name for one in table}) == len({one.title for one in table}) == len(table)
    assert len(set(titles())) == len(titles())


def test_pages_are_written_by_runs_of_everything_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in (["--only", "cold-jpeg"], ["--table", "folder"], ["--picture", "a.jpg"]):
        monkeypatch.setattr("sys.argv", ["bench/run", "--write", *option])
        with pytest.raises(SystemExit):
            _options()
        assert "--write is for a run of everything" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["bench/run", "--write", "--quick", "--program", "a"])
    assert _options().program == Path("a")
