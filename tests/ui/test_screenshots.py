"""Screenshots for the docs: of each view with landscapes, on a desktop and on a phone, in light and in dark.

`make screenshots` writes them to docs/images. Otherwise they are only taken, and nothing is kept.
"""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.pictures import encoded
from tests.ui.scenes import PALETTES, landscape
from tests.ui.screen import DESKTOP, PHONE, Screen, screen, store
from tests.web.served import Served, serving

_SHAPES = [
    (1800, 1200),
    (1200, 1600),
    (1500, 1500),
    (2000, 1000),
    (1800, 1200),
    (1200, 1500),
    (1920, 1080),
    (1500, 1000),
]
_QUALITY = 82
_LOADED = 4


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("gallery"), signing_keys=bytes(range(32)).hex()) as it:
        scenes = zip(sorted(PALETTES), _SHAPES, strict=True)
        for seed, (name, (width, height)) in enumerate(scenes):
            store(it, {name: encoded(landscape(width, height, name, seed), "JPEG", quality=88)})
        yield it


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """The folder for the screenshots."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def welcome(tab: Screen) -> None:
    tab.open()
    expect(tab.page.locator(".drawing")).to_be_visible()


def library(tab: Screen) -> None:
    tab.signed_in()
    expect(tab.page.locator(".gallery .loaded").nth(_LOADED)).to_be_visible()


def picture(tab: Screen) -> None:
    tab.signed_in("picture/fjord")
    expect(tab.page.locator(".stage .loaded")).to_be_visible()


def upload(tab: Screen) -> None:
    tab.signed_in("upload")
    lake = encoded(landscape(900, 600, "meadow", 40), "JPEG")
    tab.choose(("autumn.jpg", lake), ("letter.pdf", b"%PDF-1.7"), ("the lake.jpg", lake))
    tab.page.get_by_label("Id of letter.pdf").fill("letter")
    tab.button("Upload 3 files").click()
    expect(tab.page.locator("[data-state=failed], [data-state=stored]")).to_have_count(3)


def playground(tab: Screen) -> None:
    tab.signed_in("try/dusk")
    tab.page.get_by_role("spinbutton", name="Height").first.fill("800")
    tab.page.locator(".target").click(position={"x": 90, "y": 60})
    expect(tab.page.locator(".numbers").last).to_contain_text("800 × 800")
    expect(tab.page.locator(".target .loaded")).to_be_visible()
    expect(tab.page.locator(".snippet pre").first).to_contain_text("gravity")
    for height in ("400", "800"):  # then the variant is stored already
        tab.page.get_by_role("spinbutton", name="Height").first.fill(height)
        expect(tab.page.locator(".numbers").last).to_contain_text(f"800 × {height}")


KINDS = [("desktop", "light"), ("phone", "dark")]
if os.environ.get("SCREENSHOTS"):
    KINDS += [("desktop", "dark"), ("phone", "light")]
VIEWS = [welcome, library, picture, upload, playground]


@pytest.mark.parametrize(("device", "scheme"), KINDS)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: str(view.__name__))
def test_a_screenshot(
    browser: Browser,
    gallery: Served,
    album: Path,
    view: Callable[[Screen], None],
    device: str,
    scheme: str,
) -> None:
    gallery.delete("the_lake")
    size = {"desktop": DESKTOP, "phone": PHONE}[device]
    with screen(browser, gallery.url, size=size, scheme=scheme, reduced_motion="reduce") as tab:
        view(tab)
        expect(tab.page.locator("#status")).not_to_have_class("toast shown")
        shot = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    assert shot.size == size
    colors = shot.resize((64, 64)).getcolors(64 * 64)
    assert colors is not None and len(colors) > 50
    shot.save(album / f"{view.__name__}-{device}-{scheme}.webp", quality=_QUALITY, method=6)
