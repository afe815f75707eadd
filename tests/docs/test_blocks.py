"""The shell blocks of the tutorial, the how-to guides and the README do what their pages say."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, agrees, languages, shell_blocks
from tests.docs.session import Session
from tests.pictures import jpeg
from tests.servers import Missing
from tests.servers.front import Nginx

pytestmark = pytest.mark.live

PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
RUN = [page for page in PAGES if any(block.reason is None for block in shell_blocks(page))]
_MIN_REASON = 15  # characters


@dataclass(frozen=True)
class Before:
    """What a reader of a page has already: commands that were run, and names that are put in."""

    commands: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)


BEFORE = {
    "docs/how-to/warm.md": Before(
        "export PYMAGER_SIZES=100x100,800x600,800x PYMAGER_OPTIONS='fit,gravity,q=70'\n"
        "export PYMAGER_PRESETS='thumb:100x100;hero:800x600'\n"
        "mkdir pictures && cp photo.jpg pictures/2024-cat.jpg && pymager import pictures && echo 2024-cat > ids.txt\n"
    ),
    "docs/how-to/importing.md": Before("mkdir photos && cp photo.jpg photos/cat.jpg\n"),
    "docs/how-to/sign-urls.md": Before(
        "mkdir photos && cp photo.jpg photos/cat.jpg && pymager import photos\n"
        'export PYMAGER_SIGNING_KEYS="$(openssl rand -hex 32)" && pymager serve\n'
    ),
    "docs/how-to/when-something-fails.md": Before("pymager init\n"),
    "docs/how-to/move-stores.md": Before(
        'mkdir old pictures && cp photo.jpg pictures/ && PYMAGER_DATA="$PWD/old" pymager import pictures\n',
        {
            "file:///var/lib/pymager": 'file://"$HOME_OF_PAGE"/old',
            "sqlite:////var/lib/pymager/catalog.db": 'sqlite:///"$HOME_OF_PAGE"/old/catalog.db',
            "'s3://pictures?region=eu-west-1'": 'file://"$HOME_OF_PAGE"/new',
            "postgresql://pymager@db.example.org/pymager": 'sqlite:///"$HOME_OF_PAGE"/new.db',
        },
    ),
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    assert languages(page) & {"bash", "shell", "console", ""} == set(), "shell blocks are written as ```sh"
    reasons = [block.reason for block in shell_blocks(page) if block.reason is not None]
    assert [reason for reason in reasons if len(reason) < _MIN_REASON] == []
    assert page.read_text("utf-8").count("<!-- not run:") == len(reasons), "a reason stands right before its block"


def test_most_pages_with_commands_are_run() -> None:
    with_blocks = [page for page in PAGES if shell_blocks(page)]
    assert len(RUN) * 2 > len(with_blocks)
    assert set(BEFORE) <= set(map(name, RUN))


@pytest.mark.parametrize("page", RUN, ids=name)
def test_the_blocks_of_a_page_run_and_print_what_it_says(page: Path, tmp_path: Path) -> None:
    blocks = [block for block in shell_blocks(page) if block.reason is None]
    if any("nginx " in block.text for block in blocks):
        try:
            Nginx.install()
        except Missing as missing:
            pytest.skip(str(missing))
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    state.mkdir()
    (home / "photo.jpg").write_bytes(jpeg(4000, 3000))
    shutil.copy(home / "photo.jpg", home / "lake.jpg")
    before = BEFORE.get(name(page), Before())
    with Session(home, state, before.changes) as session:
        session.run(f'HOME_OF_PAGE="$PWD"\n{before.commands}')
        for block in blocks:
            printed = session.run(block.text)
            assert block.output is None or agrees(block.output, printed), f"line {block.line} printed:\n{printed}"


def test_a_wrong_output_is_noticed() -> None:
    assert agrees("a ... c\n...\nd", "a b c\nd")
    assert agrees("...\na\n...\n", "0\n1\na\n")
    assert not agrees("a ... c", "a b d")
    assert not agrees("a ... c", "a b\nb c")
    assert not agrees("200 image/jpeg", "404 image/jpeg")
