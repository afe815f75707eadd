"""Uploads on the page: many files, their ids, and what is refused."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from pymager.names import id_like
from pymager.operations.importing.candidates import id_of
from tests.pictures import encoded, jpeg, photograph, svg
from tests.ui.screen import Screen, screen
from tests.web.served import Served, serving

PICTURES = {
    "my cat.jpg": jpeg(640, 480, 1),
    "drawing.png": encoded(photograph(300, 200, 2), "PNG"),
    "web.webp": encoded(photograph(400, 300, 3), "WEBP"),
    "small.avif": encoded(photograph(200, 150, 4), "AVIF"),
    "moves.gif": encoded(photograph(60, 40, 5), "GIF", save_all=True, append_images=[photograph(60, 40, 6)]),
    "scan.tiff": encoded(photograph(200, 300, 7), "TIFF"),
    "plain.bmp": encoded(photograph(90, 60, 8), "BMP"),
    "vector.svg": svg(240, 180),
    "猫 (1).JPG": jpeg(320, 200, 9),
}
REFUSED = ("notes.txt", b"no picture at all")


def test_of_ten_files_one_is_refused_in_the_words_of_the_api(tab: Screen, served: Served) -> None:
    tab.signed_in("upload")
    tab.choose(*PICTURES.items(), REFUSED)
    tab.button("Upload 10 files").click()
    expect(tab.page.locator("[data-state=stored]")).to_have_count(9)
    refused = tab.entry("notes.txt")
    expect(refused.get_by_role("alert")).to_contain_text("not a picture of an accepted format")
    expect(tab.page.locator(".summary p")).to_have_text("9 files stored, 1 file not stored.")
    for name, content in PICTURES.items():
        assert served.get(f"/original/{quote(id_of(name))}").body == content
    expect(refused.get_by_role("button", name="Try again")).to_be_visible()


def test_an_id_that_exists_offers_another_one_or_to_replace(tab: Screen, served: Served) -> None:
    first, second, third = jpeg(80, 60, 20), jpeg(80, 60, 21), jpeg(80, 60, 22)
    assert served.put("taken", first).status == 201
    tab.signed_in("upload")
    tab.choose(("taken.jpg", second))
    tab.button("Upload 1 file").click()
    entry = tab.entry("taken.jpg")
    expect(entry.get_by_role("alert")).to_have_text("An original with this id already exists. Use PUT to replace it.")
    entry.get_by_role("button", name="Use another id").click()
    assert tab.page.evaluate("document.activeElement.value") == "taken-2"
    tab.button("Upload 1 file").click()
    expect(entry).to_have_attribute("data-state", "stored")
    assert served.get("/original/taken").body == first
    assert served.get("/original/taken-2").body == second
    tab.choose(("taken.png", third))
    expect(tab.entry("taken.png").get_by_label("Id of")).to_have_value("taken")
    tab.button("Upload 1 file").click()
    tab.entry("taken.png").get_by_role("button", name="Replace the existing picture").click()
    expect(tab.entry("taken.png")).to_have_attribute("data-state", "stored")
    assert served.get("/original/taken").body == third


def test_an_id_can_be_edited_and_one_that_is_no_id_is_refused_and_sent_again(tab: Screen, served: Served) -> None:
    tab.signed_in("upload")
    tab.choose(("holiday.jpg", jpeg(80, 60, 30)))
    entry = tab.entry("holiday.jpg")
    entry.get_by_label("Id of").fill("a b")
    tab.button("Upload 1 file").click()
    expect(entry.get_by_role("alert")).to_contain_text("The id contains the character ' '")
    entry.get_by_label("Id of").fill("a-b")
    tab.button("Upload 1 file").click()
    expect(entry).to_have_attribute("data-state", "stored")
    entry.get_by_role("link", name="Look at it").click()
    expect(tab.page.locator("main h1")).to_have_text("a-b")


def test_two_files_of_one_name_get_two_ids(tab: Screen) -> None:
    tab.signed_in("upload")
    tab.choose(("same.jpg", jpeg(40, 30, 40)), ("same.png", jpeg(40, 30, 41)), ("same.gif", jpeg(40, 30, 42)))
    values = [tab.entry(f"same.{extension}").get_by_label("Id of").input_value() for extension in ("jpg", "png", "gif")]
    assert values == ["same", "same-2", "same-3"]
    tab.entry("same.png").get_by_role("button", name="Remove").click()
    expect(tab.page.locator(".entry")).to_have_count(2)


def test_files_can_be_dropped_on_any_view(tab: Screen) -> None:
    tab.signed_in()
    tab.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "dropped.jpg"));
          for (const kind of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
        }"""
    )
    expect(tab.page.locator("main h1")).to_have_text("Upload")
    expect(tab.entry("dropped.jpg").get_by_label("Id of")).to_have_value("dropped")


def test_a_file_that_is_too_large_is_refused_in_the_words_of_the_api(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, max_body=20_000) as small, screen(browser, small.url) as tab:
        tab.signed_in("upload")
        tab.choose(("large.jpg", jpeg(1200, 900, 50)))
        tab.button("Upload 1 file").click()
        expect(tab.entry("large.jpg").get_by_role("alert")).to_contain_text("at most 20000 bytes are accepted")


NAMES = [
    "my cat",
    "a.b.c",
    "É",
    "e\u0301",
    "猫と犬",
    "a/b",
    "x" * 300,
    "é" * 150,
    "می\u200cخواهم",
    "a\u200cb",
    "അവന്\u200d",
]
NAMES += ["<b>", "", "٣", "½", "ⅷ", "a\u200b", "𠀀𠀀", "-_-", "क्\u200dष", "con\u0000"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_page_proposes_the_ids_that_import_gives(tab: Screen, name: str) -> None:
    tab.open()
    proposed = tab.page.evaluate("async (name) => (await import('./ui/ids.js')).idLike(name)", name)
    whole = id_like(name)
    assert whole.startswith(proposed)
    assert proposed == whole or (len(whole.encode()) > 200 >= len(proposed.encode()) > 195)
    assert re.fullmatch(r"[^<> ]*", proposed)
