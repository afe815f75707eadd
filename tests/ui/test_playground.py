"""The playground: controls become URLs, and what it gives to copy works."""

import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.pictures import encoded, jpeg, photograph
from tests.ui.screen import Screen, screen, store
from tests.web.served import WRITER, Served, serving

_WATCH_TOP = """
scrollTo(0, document.documentElement.scrollHeight);
window.tops = [];
const form = document.querySelector("form.controls");
const look = () => {
  const { top } = form.getBoundingClientRect();
  if (top !== window.tops.at(-1)) window.tops.push(top);
  requestAnimationFrame(look);
};
look();
"""
_SET_QUALITY = """
const { q } = document.querySelector("form.controls").elements;
q.value = 40;
q.dispatchEvent(new Event("input", { bubbles: true }));
"""


@pytest.fixture
def bench(tab: Screen, served: Served) -> Screen:
    """The playground with a picture."""
    store(served, {"scene": jpeg(1200, 900, 1)})
    tab.signed_in("try/scene")
    expect(numbers(tab)).to_contain_text("800 × 600")
    return tab


def numbers(tab: Screen) -> object:
    return tab.page.get_by_label("Variant", exact=True).locator(".numbers")


def url(tab: Screen) -> str:
    """The URL that is shown, once it is that of the controls."""
    return tab.page.locator(".snippet pre").first.inner_text()


def path(tab: Screen) -> str:
    split = urlsplit(url(tab))
    return split.path + (f"?{split.query}" if split.query else "")


def becomes(tab: Screen, expected: str) -> None:
    expect(tab.page.locator(".snippet pre").first).to_have_text(f"{tab.url}{expected}")


def test_each_control_is_an_option_of_the_url(bench: Screen) -> None:
    page = bench.page
    becomes(bench, "/derived/scene-800x600.webp")
    page.get_by_role("spinbutton", name="Width").first.fill("400")
    page.get_by_role("spinbutton", name="Height").first.fill("400")
    becomes(bench, "/derived/scene-400x400.webp")
    expect(numbers(bench)).to_contain_text("400 × 400")  # type: ignore[arg-type]
    page.get_by_text("contain", exact=True).click()
    page.get_by_label("northwest").check(force=True)
    page.get_by_label("Format").select_option("png")
    page.get_by_label("Pixel density").select_option("2")
    becomes(bench, "/derived/scene-400x400.png?fit=contain&gravity=northwest&dpr=2")
    expect(numbers(bench)).to_contain_text("800 × 800")  # type: ignore[arg-type]
    page.get_by_label("Pixel density").select_option("1")
    page.get_by_label("Format").select_option("jpg")
    page.get_by_label("Set quality").check()
    page.get_by_label("Quality", exact=True).fill("40")
    page.get_by_text("Effects").click()
    page.get_by_label("Shades of gray").check()
    page.get_by_label("Blur").fill("2.5")
    page.get_by_text("Turn, crop and trim").click()
    page.get_by_text("90°").click()
    page.get_by_label("Mirror ↔").check()
    becomes(bench, "/derived/scene-400x400.jpg?fit=contain&gravity=northwest&q=40&rotate=90&flip=h&blur=2.5&gray=true")
    page.get_by_label("Crop, in percent").check()
    page.get_by_label("Left", exact=True).fill("10")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Background", exact=True).check()
    becomes(
        bench,
        "/derived/scene-400x400.jpg?fit=contain&gravity=northwest&q=40&bg=ffffff&crop=10p,0p,90p,100p&rotate=90&flip=h"
        "&blur=2.5&gray=true",
    )


def test_a_click_into_the_original_sets_the_point_to_keep(bench: Screen) -> None:
    target = bench.page.locator(".target")
    box = target.bounding_box()
    assert box is not None
    target.click(position={"x": box["width"] / 4, "y": box["height"] * 3 / 4})
    expect(bench.page.locator(".mark")).to_be_visible()
    expect(bench.page.get_by_label("point", exact=True)).to_be_checked()
    expect(bench.page.locator(".snippet pre").first).to_have_text(re.compile(r"gravity=0\.2[45]\d*,0\.7[45]\d*$"))


def test_the_preview_has_the_bytes_that_its_url_has(bench: Screen, served: Served) -> None:
    shown = numbers(bench).inner_text()  # type: ignore[attr-defined]
    response = served.request("GET", path(bench), WRITER)
    assert Image.open(io.BytesIO(response.body)).size == (800, 600)
    kilobytes = len(response.body) / 1000
    assert (f"{kilobytes:.1f} kB" if kilobytes < 10 else f"{round(kilobytes)} kB") in shown
    assert re.search(r"\d+ ms", shown)


def test_a_size_that_visitors_cannot_have_is_shown_with_a_word_about_it(bench: Screen, served: Served) -> None:
    expect(bench.page.locator(".notice")).to_have_count(0)
    bench.page.get_by_role("spinbutton", name="Width").first.fill("333")
    expect(bench.page.locator(".notice")).to_contain_text("For everybody else, the URL needs a signature")
    becomes(bench, "/derived/scene-333x600.webp")
    assert served.get("/derived/scene-333x600.webp").status == 403
    assert "-u 'ann'" in bench.page.locator(".snippet pre").nth(1).inner_text()


def test_the_controls_stay_where_they_are_while_the_variant_changes(bench: Screen) -> None:
    page = bench.page
    page.get_by_role("spinbutton", name="Width").first.fill("333")
    expect(page.locator(".notice")).to_be_visible()
    page.get_by_label("Set quality").check()
    becomes(bench, "/derived/scene-333x600.webp?q=75")
    page.evaluate(_WATCH_TOP)
    page.evaluate(_SET_QUALITY)  # Playwright would scroll
    becomes(bench, "/derived/scene-333x600.webp?q=40")
    assert page.evaluate("scrollY") > 0
    assert len(page.evaluate("window.tops")) == 1, page.evaluate("window.tops")


def test_every_url_of_the_markup_exists(bench: Screen, served: Served) -> None:
    for number, count in ((2, 4), (3, 7)):
        markup = bench.page.locator(".snippet pre").nth(number).inner_text()
        found = [html.unescape(each) for each in re.findall(r"http://[^\s\",]+", markup)]
        assert len(found) >= count
        for each in set(found):
            response = served.request("GET", each.removeprefix(served.url), WRITER)
            assert response.status == 200, each
        widths = re.findall(r"-(\d+)x\d+\.\w+ (\d+)w", markup)
        assert widths and all(size == descriptor for size, descriptor in widths)
        assert 'width="800" height="600"' in markup


def test_the_texts_are_copied_to_the_clipboard(browser: Browser, served: Served) -> None:
    store(served, {"scene": jpeg(1200, 900, 1)})
    with screen(browser, served.url, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.signed_in("try/scene")
        becomes(tab, "/derived/scene-800x600.webp")
        tab.button("Copy: <img srcset sizes>").click()
        expect(tab.page.locator("#status")).to_have_text("<img srcset sizes> copied.")
        copied = tab.page.evaluate("navigator.clipboard.readText()")
        assert copied == tab.page.locator(".snippet pre").nth(2).inner_text()


def test_a_signed_url_works_without_credentials(bench: Screen, served: Served) -> None:
    bench.page.get_by_role("spinbutton", name="Width").first.fill("321")
    becomes(bench, "/derived/scene-321x600.webp")
    bench.button("Sign").click()
    signed = bench.page.locator(".signing pre").inner_text()
    assert served.get(signed.removeprefix(served.url)).status == 200
    assert re.search(r"\?exp=\d+&sig=[\w-]{43}$", signed)
    bench.page.get_by_label("Expires").select_option("never")
    bench.button("Sign").click()
    expect(bench.page.locator(".signing pre")).to_have_text(re.compile(r"webp\?sig=[\w-]{43}$"))


def test_a_server_without_a_key_says_that_it_cannot_sign(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, presets="card:40x30,q=50") as plain, screen(browser, plain.url) as tab:
        store(plain, {"scene": jpeg(400, 300, 1)})
        tab.signed_in("try/scene")
        expect(tab.page.locator(".signing, .snippet").last).to_contain_text("set PYMAGER_SIGNING_KEYS")
        tab.page.get_by_text("Preset", exact=True).first.click()
        becomes(tab, "/derived/scene@card.webp")
        markup = tab.page.locator(".snippet pre").nth(2).inner_text()
        assert "@card.webp?dpr=2 2x" in markup


def test_an_error_is_shown_in_the_words_of_the_api_and_goes_away(bench: Screen) -> None:
    bench.page.get_by_text("Turn, crop and trim").click()
    bench.page.get_by_label("Crop, in percent").check()
    bench.page.get_by_label("Left", exact=True).fill("100")
    bench.page.locator("input[name=crop-width]").fill("0")
    expect(bench.page.locator(".message").get_by_role("alert")).to_contain_text("crop")
    bench.page.get_by_label("Crop, in percent").uncheck()
    becomes(bench, "/derived/scene-800x600.webp")
    expect(bench.page.get_by_role("alert")).to_have_count(0)


def test_only_the_latest_of_several_changes_is_shown(bench: Screen) -> None:
    held: list[object] = []
    bench.page.route("**/derived/*-111x*", lambda route: held.append(route))
    bench.page.get_by_role("spinbutton", name="Width").first.fill("111")
    expect(bench.page.locator(".box.busy")).to_have_count(1)
    with bench.page.expect_event("requestfailed") as failed:
        bench.page.get_by_role("spinbutton", name="Width").first.fill("222")
    assert "-111x" in failed.value.url
    expect(numbers(bench)).to_contain_text("222 × 600")  # type: ignore[arg-type]
    assert len(held) == 1


def test_a_format_that_the_browser_does_not_show_still_has_its_numbers(bench: Screen) -> None:
    bench.page.get_by_label("Format").select_option("tiff")
    expect(bench.page.locator(".notice").first).to_contain_text("Your browser cannot show tiff files")
    expect(numbers(bench)).to_contain_text("tiff")  # type: ignore[arg-type]


def test_an_animation_has_controls_of_its_own(tab: Screen, served: Served) -> None:
    frames = [photograph(60, 40, seed) for seed in range(3)]
    store(served, {"moving": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])})
    tab.signed_in("try/moving")
    tab.page.get_by_text("More", exact=True).click()
    tab.page.get_by_label("Frame or page").fill("2")
    expect(tab.page.locator(".snippet pre").first).to_have_text(re.compile(r"frame=2$"))


def test_a_picture_is_picked_from_the_latest_ones(tab: Screen, served: Served) -> None:
    store(served, {"scene": jpeg(1200, 900, 1)})
    tab.signed_in("try")
    tab.page.get_by_role("link", name="Try scene").click()
    becomes(tab, "/derived/scene-800x600.webp")


def test_the_page_works_behind_a_path_prefix(browser: Browser, tmp_path: Path, prefixed: "Prefix") -> None:
    public = f"{prefixed.url}/pictures"
    with serving(tmp_path, public_url=public) as served, screen(browser, public) as tab:
        prefixed.origin = served.port
        store(served, {"scene": jpeg(400, 300, 1)})
        tab.signed_in("try/scene")
        becomes(tab, "/derived/scene-400x300.webp")
        assert all(urlsplit(each).path.startswith("/pictures/") for each in tab.requests if each.startswith("http"))


class Prefix:
    """A proxy that takes /pictures from the path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.origin = 0


@pytest.fixture
def prefixed() -> Iterator[Prefix]:
    import http.client
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            upstream = http.client.HTTPConnection("127.0.0.1", proxy.origin, timeout=60)
            try:
                upstream.request("GET", self.path.removeprefix("/pictures"), headers=dict(self.headers))
                response = upstream.getresponse()
                body = response.read()
            finally:
                upstream.close()
            self.send_response(response.status)
            for name, value in response.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = Prefix(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()
