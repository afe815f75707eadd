"""The shell blocks of a page in Markdown, and what each prints."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"(?:^[ ]*<!-- not run: (?P<reason>[^\n]+?) -->\n+)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)

_ANY_LINES = r"(?:.*\n)*?"


@dataclass(frozen=True, slots=True)
class Block:
    """A shell block: its line on the page, its text, why it is not run if so, and what it must print if told."""

    line: int
    text: str
    reason: str | None
    output: str | None


def shell_blocks(page: Path) -> list[Block]:
    """The blocks in `sh`. A block in `text` that follows immediately is what the block before it prints."""
    markdown = page.read_text("utf-8")
    fences = list(_FENCE.finditer(markdown))
    blocks = []
    for number, fence in enumerate(fences):
        if fence["language"] != "sh":
            continue
        after = fences[number + 1] if number + 1 < len(fences) else None
        adjacent = after is not None and not markdown[fence.end() : after.start()].strip()
        output = _text(after) if after is not None and adjacent and after["language"] == "text" else None
        line = markdown.count("\n", 0, fence.start("indent")) + 1
        blocks.append(Block(line, _text(fence), fence["reason"], output))
    return blocks


def languages(page: Path) -> set[str]:
    """The languages of all blocks of a page."""
    return {fence["language"] for fence in _FENCE.finditer(page.read_text("utf-8"))}


def agrees(expected: str, printed: str) -> bool:
    """Whether a text is as expected: `...` stands for any part of a line, and as a line for any number of lines."""
    lines = [_ANY_LINES if line == "..." else _pattern(line) for line in expected.strip().splitlines()]
    return re.fullmatch("".join(lines), f"{printed.strip()}\n") is not None


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("..."))) + r"\n"


def _text(fence: re.Match[str]) -> str:
    return textwrap.dedent(fence["text"])
