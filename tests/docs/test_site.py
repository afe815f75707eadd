"""`make site`: no broken link, no broken anchor, and nothing from another host."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
ZENSICAL = ROOT / ".venv-site" / "bin" / "zensical"
_TIMEOUT_SECONDS = 300
# What a browser loads by itself; a link that a reader follows may lead elsewhere.
_RESOURCES = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("use", "href"),
}


class Page(HTMLParser):
    """What a page of the site loads, links and can be linked by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.policies: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value and tag != "meta":
                self.ids.add(value)
            if (tag, name) in _RESOURCES and value:
                self.resources.append(value)
            if (tag, name) in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")) and value:
                self.links.append(value)
        found = dict(attrs)
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(found.get("content") or "")


def build(folder: Path, *, extra: str = "") -> "subprocess.CompletedProcess[str]":
    """The site in `folder`/site; `extra` is added to one of its pages."""
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "packaging" / "site", folder / "packaging" / "site")
    pages = folder / "build" / "docs"
    subprocess.run([sys.executable, ROOT / "packaging" / "site" / "prepare.py", pages], check=True)
    with (pages / "how-to" / "back-up.md").open("a") as page:
        page.write(extra)
    return subprocess.run(
        [ZENSICAL, "build", "--strict", "--config-file", "mkdocs.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not ZENSICAL.exists() and "CI" not in os.environ:
        pytest.skip("the tools of the site are not installed: make site")
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


@pytest.mark.parametrize("extra", ["\n[x](nowhere.md)\n", "\n[x](move-stores.md#nowhere)\n"], ids=["page", "anchor"])
def test_a_broken_link_fails_the_build(site: Path, tmp_path: Path, extra: str) -> None:
    done = build(tmp_path, extra=extra)
    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr


def test_every_link_leads_to_a_file_and_an_anchor_of_the_site(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 40
    assert [fault for path in pages for fault in _faults(site, path, pages)] == []


def _faults(site: Path, path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    for link in pages[path].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or path.name == "404.html":
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        target = target / "index.html" if target.is_dir() else target
        known = target in pages and _has(pages[target], unquote(parts.fragment))
        if not target.is_file() or (parts.fragment and not known):
            yield f"{path.relative_to(site)}: {link}"


def _has(page: Page, fragment: str) -> bool:
    return fragment in page.ids or fragment.startswith("__")  # the theme's own, such as code blocks


def test_a_page_loads_nothing_from_another_host(pages: dict[Path, Page]) -> None:
    loaded = [resource for page in pages.values() for resource in page.resources]
    assert len(loaded) > len(pages)
    assert [
        resource for resource in loaded if re.match(r"[a-z]+:|//", resource) and not resource.startswith("data:")
    ] == []


def test_a_style_sheet_loads_nothing_from_another_host(site: Path) -> None:
    sheets = {path: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert sheets
    loaded = [url for text in sheets.values() for url in re.findall(r"url\(\s*[\"']?([^\"')]+)|@import", text)]
    assert [url for url in loaded if re.match(r"https?:|//", url)] == []


def test_the_browser_is_told_to_load_nothing_from_another_host(pages: dict[Path, Page]) -> None:
    """The theme's script could load more, such as diagrams; the pages have no use for it, and the policy forbids it."""
    for path, page in pages.items():
        (policy,) = page.policies
        assert policy.startswith("default-src 'self';"), path
        assert "http" not in policy
