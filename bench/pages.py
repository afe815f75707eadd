"""The parts of README.md and docs/explanation/benchmark.md that the benchmark writes, between two comments."""

from pathlib import Path

BEGIN = "<!-- bench: begin. `make bench` writes what follows. -->"
END = "<!-- bench: end -->"


class NoMarkersError(Exception):
    """The page lacks the two comments, or has them more than once."""


def part(page: str) -> str:
    """What stands between the two comments. Raises `NoMarkersError`."""
    return _split(page)[1].strip("\n")


def replaced(page: str, text: str) -> str:
    """The page with `text` between the two comments. Raises `NoMarkersError`."""
    before, _, after = _split(page)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def write(path: Path, text: str) -> None:
    """Put the text into a page. Raises `NoMarkersError`."""
    path.write_text(replaced(path.read_text("utf-8"), text), "utf-8")


def _split(page: str) -> tuple[str, str, str]:
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise NoMarkersError(f"the page must have once, in this order: {BEGIN} and {END}")
    before, _, rest = page.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after
