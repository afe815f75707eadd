"""Copies the pages and what they link to a folder for the site: `python packaging/site/prepare.py build/docs`.

The pages are also read in the checkout, where some of their links lead to files outside of docs/, such as the examples.
On the site, these files are under source/, and those that are Markdown are pages.
"""

import re
import shutil
import sys
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

CHECKOUT = Path(__file__).parents[2]
SOURCE = "source"
_LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(#[^)]*)?\)")


def main(target: Path) -> None:
    """Write all files of the site to the folder `target`, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(CHECKOUT / "docs", target)
    pending = [str(page.relative_to(CHECKOUT)) for page in (CHECKOUT / "docs").rglob("*.md")]
    seen = set(pending)
    while pending:
        page = pending.pop()
        markdown = (CHECKOUT / page).read_text("utf-8")
        _write(target / place(page), rewritten(page, markdown).encode())
        for found in linked(page, markdown):
            if found in seen or found.startswith("docs/") or not (CHECKOUT / found).is_file():
                continue
            seen.add(found)
            if found.endswith(".md"):
                pending.append(found)
            else:
                _write(target / place(found), (CHECKOUT / found).read_bytes())


def place(path: str) -> str:
    """Where a file of the checkout is on the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{SOURCE}/{path}"


def rewritten(page: str, markdown: str) -> str:
    """A page whose links are those of the site."""
    folder = PurePosixPath(place(page)).parent
    return _LINK.sub(lambda match: f"]({relpath(place(resolved(page, match[1])), folder)}{match[2] or ''})", markdown)


def linked(page: str, markdown: str) -> list[str]:
    """The files that a page links, as paths in the checkout."""
    return [resolved(page, match[1]) for match in _LINK.finditer(markdown)]


def resolved(page: str, link: str) -> str:
    """The path in the checkout that a link means; that of a folder is the folder's README."""
    path = normpath(str(PurePosixPath(page).parent / link))
    return f"{path}/README.md" if (CHECKOUT / path / "README.md").is_file() else path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
