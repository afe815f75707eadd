"""Chromium, and a server with the page, one of each for a module."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.servers import Missing
from tests.servers import browser as chromium
from tests.ui.screen import Screen, screen
from tests.web.served import Served, serving

# The first two are pages of Chromium's own, which it renders for each tab, and which take 40 % of its processor time.
# The others are those of Playwright's list, which this one replaces, that can change a page or send requests.
_FEATURES_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
)
_OPTIONS = [
    "--no-sandbox",  # root has no sandbox for its pages; the pages here are our own
    "--disable-dev-shm-usage",
    "--disable-gpu",
    f"--disable-features={','.join(_FEATURES_OFF)}",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Without it the test is skipped, and fails in CI."""
    try:
        chromium.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"Chromium: {error}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.PROGRAM, args=_OPTIONS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the default sizes, and a key to sign with."""
    with serving(
        tmp_path_factory.mktemp("ui"), sizes=("100x100", "800x600"), signing_keys=bytes(range(32)).hex()
    ) as it:
        yield it


@pytest.fixture
def tab(browser: Browser, served: Served) -> Iterator[Screen]:
    """A tab on a desktop."""
    with screen(browser, served.url) as it:
        yield it
