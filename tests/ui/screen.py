"""A tab of Chromium on the web page, which remembers what a careful person would look for in its console."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.served import PASSWORD, USER, Served

DESKTOP, PHONE = (1280, 800), (390, 844)
TIMEOUT_MS = 60_000
SERIOUS = ("serious", "critical")
WATCH = """
window.watched = {violations: [], shift: 0, blobs: 0};
const {createObjectURL, revokeObjectURL} = URL;
URL.createObjectURL = (blob) => { window.watched.blobs += 1; return createObjectURL.call(URL, blob); };
URL.revokeObjectURL = (url) => { window.watched.blobs -= 1; revokeObjectURL.call(URL, url); };
document.addEventListener("securitypolicyviolation", (event) =>
  window.watched.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.watched.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""

expect.set_options(timeout=TIMEOUT_MS)


class Screen:
    """The tab, and what it did: errors of scripts, and the origins that it sent requests to."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))

    def open(self, view: str = "") -> None:
        """Open a view by its address, and wait for its heading."""
        self.page.goto(f"{self.url}/#/{view}")
        expect(self.page.locator("main h1")).to_be_visible()

    def sign_in(self, name: str = USER, password: str = PASSWORD) -> None:
        """Fill in the form that is shown."""
        form = self.page.locator("form.sign-in").last  # that of the dialog, if there is one
        form.get_by_label("Name").fill(name)
        form.get_by_label("Password").fill(password)
        form.get_by_role("button", name="Sign in").click()

    def signed_in(self, view: str = "") -> "Screen":
        """Sign in, and open a view."""
        self.open()
        self.sign_in()
        expect(self.page.locator("#user")).to_have_text(USER)
        if view:
            self.open(view)
        return self

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def choose(self, *files: tuple[str, bytes]) -> None:
        """Choose files in the view of uploads."""
        given: Any = [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
        self.page.locator("#files").set_input_files(given)

    def entry(self, file: str) -> Locator:
        """The line of a file in the list of uploads."""
        return self.page.locator(".entry").filter(has=self.page.get_by_text(file, exact=True))

    def focused(self) -> str:
        """What has the focus, in words."""
        return str(
            self.page.evaluate(
                "() => { const e = document.activeElement;"
                " return (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.tagName)"
                ".trim().slice(0, 60); }"
            )
        )

    def tab_to(self, name: str, most: int = 60) -> None:
        """Press the Tab key until what has this name has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.focused().startswith(name):
                return
        raise AssertionError(f"the Tab key does not reach {name!r}; at last {self.focused()!r}")

    def axe(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        found: Sequence[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}"
            for each in found
            if each["impact"] in SERIOUS
        ]

    def watched(self) -> dict[str, Any]:
        """Of the document that is shown: violations of the policy, shifts of the layout, and blobs that have a URL."""
        return dict(self.page.evaluate("window.watched"))

    def assert_clean(self) -> None:
        """No script failed, nothing broke the policy, nothing was requested from elsewhere."""
        assert self.errors == [], self.errors
        violations = self.watched()["violations"]
        assert violations == [], violations
        origins = {urlsplit(url)[:2] for url in self.requests if not url.startswith("blob:")}
        assert origins <= {urlsplit(self.url)[:2]}, origins


@contextmanager
def screen(
    browser: Browser, url: str, *, size: tuple[int, int] = DESKTOP, scheme: Any = "light", **options: Any
) -> Iterator[Screen]:
    """A new tab without anything of earlier ones. At the end it has to be clean."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale="en-US",
        timezone_id="UTC",
        **options,
    )
    try:
        tab = Screen(context.new_page(), url)
        yield tab
        tab.assert_clean()
    finally:
        context.close()


def store(served: Served, pictures: dict[str, bytes]) -> None:
    """Store originals without the page."""
    for id, picture in pictures.items():
        response = served.put(id, picture)
        assert response.status in (200, 201), response.body
