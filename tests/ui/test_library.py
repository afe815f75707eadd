"""The library, signing in, and one picture: what is shown, deleted and replaced."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from tests.pictures import encoded, jpeg, photograph
from tests.ui.screen import Screen, screen, store
from tests.web.served import USER, Served, serving

COUNT = 60


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with so many originals that the listing has two pages."""
    with serving(tmp_path_factory.mktemp("shelf")) as it:
        pictures = [jpeg(60, 40, seed) for seed in range(4)]
        store(it, {f"cat-{number:02}": pictures[number % 4] for number in range(COUNT - 2)} | {"dog": pictures[0]})
        store(it, {quote("猫"): pictures[1]})
        yield it


def test_the_library_shows_all_pages_of_the_listing(browser: Browser, shelf: Served) -> None:
    with screen(browser, shelf.url) as tab:
        tab.signed_in()
        tiles = tab.page.locator(".gallery li")
        expect(tiles).to_have_count(48)
        expect(tab.page.locator(".count")).to_have_text("48 pictures, and more")
        tab.button("Show more").click()
        expect(tiles).to_have_count(COUNT)
        expect(tab.page.locator(".count")).to_have_text(f"{COUNT} pictures")
        expect(tab.button("Show more")).to_have_count(0)
        assert tab.focused().startswith("cat-48")
        assert len(set(tiles.locator(".id").all_text_contents())) == COUNT
        tiles.last.scroll_into_view_if_needed()
        expect(tiles.last.locator(".frame")).to_have_class(re.compile("loaded"))
        assert tiles.first.locator("img").evaluate("(image) => image.naturalWidth") == 60


def test_only_what_is_near_the_screen_is_loaded(browser: Browser, shelf: Served) -> None:
    with screen(browser, shelf.url, size=(400, 300)) as tab:
        tab.signed_in()
        expect(tab.page.locator(".gallery li").first.locator(".frame")).to_have_class(re.compile("loaded"))
        expect(tab.page.locator(".gallery canvas")).to_have_count(48)  # placeholders are there for all of them
        assert len([url for url in tab.requests if "/derived/" in url]) < 30


@pytest.mark.parametrize(("prefix", "count"), [("cat-1", 10), ("dog", 1), ("猫", 1), ("nothing", 0), ("ca", 48)])
def test_the_library_can_be_filtered_by_the_start_of_ids(
    browser: Browser, shelf: Served, prefix: str, count: int
) -> None:
    with screen(browser, shelf.url) as tab:
        tab.signed_in()
        expect(tab.page.locator(".gallery li")).to_have_count(48)
        tab.page.get_by_label("Id starts with").fill(prefix)
        expect(tab.page.locator(".count")).to_have_text(re.compile(rf"^{count} picture"))
        expect(tab.page.locator(".gallery li")).to_have_count(count)
        if not count:
            expect(tab.page.locator(".empty")).to_have_text("No id starts with nothing.")


def test_a_prefix_that_no_id_can_have_is_refused_in_the_words_of_the_api(browser: Browser, shelf: Served) -> None:
    with screen(browser, shelf.url) as tab:
        tab.signed_in()
        tab.page.get_by_label("Id starts with").fill("<b>")
        expect(tab.page.get_by_role("alert")).to_contain_text("The prefix contains the character '<'")


def test_a_wrong_password_is_told_in_the_words_of_the_api(tab: Screen) -> None:
    tab.open()
    tab.sign_in(password="wrong")
    expect(tab.page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(tab.page.locator("#user")).to_be_empty()
    tab.sign_in()
    expect(tab.page.locator("#user")).to_have_text(USER)


def test_after_many_wrong_passwords_the_page_says_how_long_to_wait(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path) as served, screen(browser, served.url) as tab:
        tab.open()
        for number in range(40):
            tab.sign_in(password=f"wrong {number}")
            expect(tab.button("Sign in").last).to_be_enabled()
            expect(tab.page.get_by_role("alert")).to_be_visible()
            if "wait" in tab.page.get_by_role("alert").inner_text():
                break
        expect(tab.page.get_by_role("alert")).to_have_text(re.compile(r"wait \d+ seconds? before you try another one"))


def test_the_browser_asks_for_no_password_by_itself_and_keeps_none_beyond_the_tab(
    browser: Browser, served: Served
) -> None:
    with screen(browser, served.url) as tab:
        client = tab.page.context.new_cdp_session(tab.page)
        asked: list[object] = []
        client.on("Fetch.requestPaused", lambda event: client.send("Fetch.continueRequest", _request(event)))
        client.on(
            "Fetch.authRequired",
            lambda event: (asked.append(event), client.send("Fetch.continueWithAuth", _refusal(event))),
        )
        client.send("Fetch.enable", {"handleAuthRequests": True})
        tab.open()
        tab.sign_in(password="wrong")
        expect(tab.page.get_by_role("alert")).to_be_visible()
        tab.sign_in()
        expect(tab.page.locator("#user")).to_have_text(USER)
        assert asked == []
        wrong = {"user": "ann", "authorization": "Basic eDp5"}
        tab.page.evaluate("(held) => sessionStorage.setItem('pymager.session', JSON.stringify(held))", wrong)
        tab.page.evaluate("async () => (await import('./ui/session.js')).session.begin('ann', 'Basic eDp5')")
        sent = "async () => (await import('./ui/api.js')).upload(new File(['x'], 'x.jpg'), 'x').catch((e) => e.status)"
        assert tab.page.evaluate(sent) == 401
        assert asked == []
        tab.page.evaluate("fetch('original')")  # what the page never sends: Chromium would ask now
        assert len(asked) == 1
        tab.page.keyboard.press("Escape")
        tab.sign_in()
        expect(tab.page.locator("#user")).to_have_text(USER)
        assert tab.page.evaluate("localStorage.length") == 0
        assert tab.page.evaluate("document.cookie") == ""
        tab.page.reload()
        expect(tab.page.locator("#user")).to_have_text(USER)
        other = tab.page.context.new_page()
        other.goto(served.url)
        expect(other.locator("form.sign-in")).to_be_visible()
        other.close()
        tab.button("Sign out").click()
        expect(tab.page.locator("form.sign-in")).to_be_visible()
        assert tab.page.evaluate("sessionStorage.length") == 0


def _request(event: Any) -> dict[str, Any]:
    return {"requestId": event["requestId"]}


def _refusal(event: Any) -> dict[str, Any]:
    return _request(event) | {"authChallengeResponse": {"response": "CancelAuth"}}


def test_a_session_whose_password_is_not_valid_any_more_ends_with_the_words_of_the_api(tab: Screen) -> None:
    tab.signed_in()
    held = "JSON.stringify({user: 'ann', authorization: 'Basic ' + btoa('ann:old')})"
    tab.page.evaluate(f"sessionStorage.setItem('pymager.session', {held})")
    tab.page.reload()
    expect(tab.page.locator("dialog.signing-in").get_by_role("alert")).to_have_text(
        "The name or the password is wrong."
    )
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("dialog")).to_have_count(0)
    expect(tab.page.locator("#user")).to_be_empty()


def test_a_picture_is_deleted_only_after_a_confirmation(tab: Screen, served: Served) -> None:
    store(served, {"leaving": jpeg(320, 240, 11)})
    tab.signed_in("picture/leaving")
    tab.button("Delete…").click()
    dialog = tab.page.get_by_role("dialog", name="Delete this picture?")
    expect(dialog).to_be_visible()
    assert tab.focused() == "Cancel"
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert served.get("/original/leaving").status == 200
    tab.button("Delete…").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(tab.page.locator("main h1")).to_have_text("Library")
    assert served.get("/original/leaving").status == 404
    expect(tab.page.locator("#status")).to_have_text("leaving was deleted.")


def test_a_picture_that_somebody_else_has_replaced_meanwhile_is_not_deleted(tab: Screen, served: Served) -> None:
    store(served, {"shared": jpeg(320, 240, 12)})
    tab.signed_in("picture/shared")
    tab.button("Delete…").click()
    store(served, {"shared": jpeg(320, 240, 13)})
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_have_text("If-Match does not match the current ETag.")
    assert served.get("/original/shared").status == 200
    dialog.get_by_role("button", name="Cancel").click()


def test_a_picture_is_replaced_and_shown_anew(tab: Screen, served: Served) -> None:
    new = jpeg(200, 300, 15)
    store(served, {"changing": jpeg(320, 240, 14)})
    tab.signed_in("picture/changing")
    expect(tab.page.locator(".facts")).to_contain_text("320 × 240 pixels")
    tab.page.locator("input[type=file]").set_input_files([{"name": "new.jpg", "mimeType": "", "buffer": new}])
    dialog = tab.page.get_by_role("dialog", name="Replace this picture?")
    expect(dialog).to_contain_text("new.jpg")
    dialog.get_by_role("button", name="Replace").click()
    expect(tab.page.locator(".facts")).to_contain_text("200 × 300 pixels")
    assert served.get("/original/changing").body == new


def test_the_original_can_be_downloaded(tab: Screen, served: Served, tmp_path: Path) -> None:
    picture = jpeg(320, 240, 16)
    store(served, {"wanted": picture})
    tab.signed_in("picture/wanted")
    with tab.page.expect_download() as download:
        tab.button("Download").click()
    assert download.value.suggested_filename == "wanted.jpg"
    download.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == picture


def test_a_visitor_sees_a_public_picture_and_cannot_change_it(tab: Screen, served: Served) -> None:
    store(served, {"open": jpeg(320, 240, 17)})
    tab.open()
    tab.page.get_by_label("Or open a picture by its id").fill("open")
    tab.button("Open").click()
    expect(tab.page.locator(".stage .frame")).to_have_class(re.compile("loaded"))
    expect(tab.button("Download")).to_be_visible()
    expect(tab.button("Delete…")).to_have_count(0)
    tab.open("picture/nothing")
    expect(tab.page.get_by_role("alert")).to_contain_text("nothing")


def test_private_pictures_are_shown_to_whoever_is_signed_in_and_to_nobody_else(
    browser: Browser, tmp_path: Path
) -> None:
    keys = {"signing_keys": bytes(range(32)).hex(), "signatures": "required"}
    with serving(tmp_path, **keys) as private, screen(browser, private.url) as tab:
        store(private, {"secret": jpeg(320, 240, 18)})
        tab.open("picture/secret")
        expect(tab.page.get_by_role("alert")).to_contain_text("This picture is private")
        tab.button("Sign in").click()
        tab.sign_in()
        expect(tab.page.locator(".stage .frame")).to_have_class(re.compile("loaded"))
        assert tab.page.locator(".stage img").get_attribute("src").startswith("blob:")  # type: ignore[union-attr]
        assert tab.watched()["blobs"] == 0
        tab.open()
        expect(tab.page.locator(".gallery .frame").first).to_have_class(re.compile("loaded"))
        tab.open("try/secret")
        expect(tab.page.locator(".numbers").last).to_contain_text("320 × 240")
        tab.button("Sign out").click()
        expect(tab.page.get_by_role("alert")).to_contain_text("This picture is private")


HOSTILE = ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "'; alert(1) //", "\u202egpj.exe", "a" * 300]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_file_name_or_id_is_only_text(tab: Screen, name: str) -> None:
    tab.signed_in("upload")
    tab.choose((f"{name}.jpg", b"no picture"))
    expect(tab.page.locator(".file bdi")).to_have_text(f"{name}.jpg")
    entry = tab.page.locator(".entry")
    entry.get_by_label("Id of").fill(name[:200])
    tab.button("Upload 1 file").click()
    expect(entry.get_by_role("alert")).to_be_visible()
    for view in ("picture", "try"):
        tab.open(f"{view}/{quote(name, safe='')}")
        expect(tab.page.get_by_role("alert")).to_be_visible()
        assert tab.page.locator("main img, main script").count() == 0
    tab.open("picture/x")
    tab.page.goto(f"{tab.url}/#/picture/%E0%A4%A")  # no UTF-8
    expect(tab.page.locator("main h1")).to_have_text("%E0%A4%A")
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.page.locator("script:not([src])").count() == 0


def test_a_description_from_a_hostile_server_is_only_text(tab: Screen) -> None:
    tab.signed_in()
    hostile = {"id": HOSTILE[0], "format": HOSTILE[0], "width": 4, "height": 3, "size": 1, "sha256": HOSTILE[1]}
    hostile |= {"created": HOSTILE[0], "frames": 1, "alpha": False, "dominant": "red;x", "thumbhash": HOSTILE[0]}
    tab.page.route("**/info/*", lambda route: route.fulfill(json=hostile))
    tab.page.route("**/derived/*", lambda route: route.fulfill(status=500, json={"detail": HOSTILE[1]}))
    tab.open("picture/cat")
    expect(tab.page.locator(".facts")).to_contain_text(HOSTILE[1])
    expect(tab.page.locator(".failure")).to_have_text(HOSTILE[1])
    tab.open("try/cat")
    expect(tab.page.get_by_role("alert").first).to_have_text(HOSTILE[1])


def test_a_picture_with_transparency_and_one_of_an_animation_are_shown(tab: Screen, served: Served) -> None:
    clear = encoded(photograph(80, 60, 3).convert("RGBA").rotate(20), "PNG")
    moving = encoded(photograph(60, 40, 5), "GIF", save_all=True, append_images=[photograph(60, 40, 6)])
    store(served, {"clear": clear, "moving": moving})
    tab.signed_in("picture/clear")
    expect(tab.page.locator(".facts")).to_contain_text("Yes")
    expect(tab.page.locator(".stage canvas")).to_have_count(1)
    tab.open("picture/moving")
    expect(tab.page.locator(".facts")).to_contain_text("Frames")
