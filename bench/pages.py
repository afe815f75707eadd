"""The parts of README.md and of two pages in docs/explanation that the benchmark writes, between two comments."""

from pathlib import Path

BEGIN = "<!-- bench: begin. `make bench` writes what follows. -->"
END = "<!-- bench: end -->"

_EXCERPT = (
    "first variant, 12 MP JPEG to 800x600 JPEG",
    "first variant, 12 MP JPEG to 100x100 JPEG",
    "first variant, 3 MP PNG to 800x600 PNG",
    "first variant, 400x400 JPEG to 100x100 JPEG",
    "hit from memory, 800x600 JPEG",
    "hit from the folder, 800x600 JPEG",
    "upload of a 12 MP JPEG",
    "memory at its peak, 16 connections, two workers",
)
_EXCERPT_COLUMNS = 4  # request, pymager, thumbor, sharp


class NoMarkersError(Exception):
    """The page lacks the two comments, or has them more than once."""


def part(page: str) -> str:
    """What stands between the two comments. Raises `NoMarkersError`."""
    return _split(page)[1].strip("\n")


def replaced(page: str, text: str) -> str:
    """The page with `text` between the two comments. Raises `NoMarkersError`."""
    before, _, after = _split(page)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def excerpt(text: str) -> str:
    """The rows and columns of the short table that the README has."""
    head, rule, *rows = [line for line in text.splitlines() if line.startswith("|")]
    named = {row.split("|")[1].strip(): row for row in rows}
    chosen = [head, rule, *(named[title] for title in _EXCERPT if title in named)]
    return "\n".join("|".join(row.split("|")[: _EXCERPT_COLUMNS + 1]) + "|" for row in chosen)


def write(path: Path, text: str) -> None:
    """Put the text into a page. Raises `NoMarkersError`."""
    path.write_text(replaced(path.read_text("utf-8"), text), "utf-8")


def _split(page: str) -> tuple[str, str, str]:
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise NoMarkersError(f"the page must have once, in this order: {BEGIN} and {END}")
    before, _, rest = page.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after
