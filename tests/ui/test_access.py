"""For everybody: screen readers, keyboards, phones, both color schemes; and a page that stays still and to itself."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.pictures import jpeg
from tests.ui.screen import DESKTOP, PHONE, WATCH, Screen, screen, store
from tests.web.served import PASSWORD, USER, Served

PICTURES = {"wide": jpeg(1200, 500, 1), "high": jpeg(500, 1200, 2), "square": jpeg(700, 700, 3)}


def welcome(tab: Screen) -> None:
    tab.open()


def wrong(tab: Screen) -> None:
    tab.open()
    tab.sign_in(password="wrong")
    expect(tab.page.get_by_role("alert")).to_be_visible()


def sign_in_dialog(tab: Screen) -> None:
    tab.open("try")
    tab.button("Sign in").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def library(tab: Screen) -> None:
    tab.signed_in()
    expect(tab.page.locator(".gallery .loaded").first).to_be_visible()


def filtered_to_nothing(tab: Screen) -> None:
    tab.signed_in()
    tab.page.get_by_label("Id starts with").fill("nothing")
    expect(tab.page.locator(".empty")).to_be_visible()


def picture(tab: Screen) -> None:
    tab.signed_in("picture/wide")
    expect(tab.page.locator(".stage .loaded")).to_be_visible()


def missing(tab: Screen) -> None:
    tab.signed_in("picture/nothing")
    expect(tab.page.get_by_role("alert")).to_be_visible()


def deleting(tab: Screen) -> None:
    picture(tab)
    tab.button("Delete…").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def uploads(tab: Screen) -> None:
    tab.signed_in("upload")
    tab.choose(("square.jpg", PICTURES["square"]), ("broken.jpg", b"broken"))
    tab.button("Upload 2 files").click()
    expect(tab.page.locator("[data-state=failed]")).to_have_count(2)


def choosing(tab: Screen) -> None:
    tab.signed_in("try")
    expect(tab.page.locator(".gallery .loaded").first).to_be_visible()


def playground(tab: Screen) -> None:
    tab.signed_in("try/high")
    expect(tab.page.locator(".numbers").last).to_contain_text("ms")
    for summary in tab.page.locator(".controls summary").all():
        summary.click()
    tab.page.get_by_role("spinbutton", name="Width").first.fill("333")
    expect(tab.page.locator(".snippet pre").first).to_have_text(re.compile("-333x"))  # else it is replaced once more
    expect(tab.page.locator(".notice")).to_be_visible()
    tab.button("Sign").click()
    expect(tab.page.locator(".signing pre")).to_be_visible()


VIEWS = [
    *(welcome, wrong, sign_in_dialog, library, filtered_to_nothing, picture, missing, deleting, uploads, choosing),
    playground,
]
NAMED = [view.__name__ for view in VIEWS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("view", VIEWS, ids=NAMED)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    browser: Browser, served: Served, view: Callable[[Screen], None], size: tuple[int, int], scheme: str
) -> None:
    store(served, PICTURES)
    with screen(browser, served.url, size=size, scheme=scheme, reduced_motion="reduce") as tab:
        view(tab)
        assert tab.axe() == []
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_moves_while_pictures_load(browser: Browser, served: Served, size: tuple[int, int]) -> None:
    store(served, PICTURES)
    with screen(browser, served.url, size=size) as tab:
        tab.signed_in()
        for view, loaded in (
            ("", ".gallery li:last-child .loaded"),
            ("picture/high", ".stage .loaded"),
            ("try/wide", ".target .loaded"),
        ):
            tab.page.goto("about:blank")
            tab.open(view)
            expect(tab.page.locator(loaded)).to_be_visible()
            if view.startswith("try"):
                expect(tab.page.locator(".numbers").last).to_contain_text("ms")
            assert tab.watched()["shift"] < 0.05, view


def test_everything_can_be_done_with_the_keyboard(browser: Browser, served: Served) -> None:
    store(served, PICTURES | {"aaa": PICTURES["square"]})
    with screen(browser, served.url) as tab:
        tab.open()
        keys = tab.page.keyboard
        tab.tab_to("Skip to the content", 1)
        keys.press("Enter")
        assert tab.page.evaluate("document.activeElement.id") == "main"
        tab.tab_to("Name")
        keys.type(USER)
        tab.tab_to("Password", 1)
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(tab.page.locator("#user")).to_have_text(USER)
        expect(tab.page.locator("main h1")).to_be_focused()
        assert tab.focused() == "Library"
        tab.tab_to("aaa")
        outline = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        keys.press("Enter")
        expect(tab.page.locator("main h1")).to_have_text("aaa")
        expect(tab.button("Delete…")).to_be_visible()
        tab.tab_to("Delete…")
        keys.press("Enter")
        assert tab.focused() == "Cancel"
        tab.tab_to("Delete", 2)
        keys.press("Enter")
        expect(tab.page.locator("main h1")).to_have_text("Library")
        assert served.get("/original/aaa").status == 404
        expect(tab.page.locator(".gallery li").first).to_be_visible()
        tab.page.evaluate("document.querySelector('.brand').focus()")
        tab.tab_to("Playground")
        keys.press("Enter")
        expect(tab.page.locator("main h1")).to_be_focused()
        expect(tab.page.locator(".gallery li").first).to_be_visible()
        _tab_to_picture(tab, "high")
        keys.press("Enter")
        expect(tab.page.locator(".numbers").last).to_contain_text("ms")
        tab.tab_to("cover")
        keys.press("ArrowRight")
        expect(tab.page.get_by_label("contain")).to_be_checked()
        tab.tab_to("center")
        keys.press("ArrowRight")
        expect(tab.page.locator(".snippet pre").first).to_have_text(re.compile(r"fit=contain&gravity=east$"))
        tab.tab_to("Copy: URL")
        keys.press("Enter")
        expect(tab.page.locator("#status")).to_have_text("URL copied.")
        assert tab.focused().startswith("Copy")


def _tab_to_picture(tab: Screen, id: str) -> None:
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.hash") == f"#/try/{id}":
            return
    raise AssertionError(f"the Tab key does not reach the picture {id}")


def test_a_view_that_opens_takes_the_focus_and_names_the_page(tab: Screen) -> None:
    tab.signed_in()
    for name, title in (("Upload", "Upload"), ("Playground", "Playground"), ("Library", "Library")):
        link = tab.page.get_by_role("navigation").get_by_role("link", name=name)
        link.click()
        expect(tab.page).to_have_title(f"{title} – pymager")
        expect(tab.page.locator("main h1")).to_be_focused()
        expect(link).to_have_attribute("aria-current", "page")


def test_who_wants_no_motion_gets_none(browser: Browser, served: Served) -> None:
    with screen(browser, served.url, reduced_motion="reduce") as tab:
        tab.open()
        moving = tab.page.evaluate(
            "[...document.querySelectorAll('*')]"
            ".filter((each) => parseFloat(getComputedStyle(each).transitionDuration) > 0).length"
        )
        assert moving == 0


def test_the_browser_enforces_the_policy(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(served.url)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:9/x.png";
          document.body.append(script, image);
        }"""
    )
    violations = page.evaluate("new Promise((done) => setTimeout(() => done(window.watched.violations), 0))")
    assert [each.split()[0] for each in violations] == ["script-src-elem", "img-src"]
    assert page.evaluate("window.ran") is None
    page.close()
