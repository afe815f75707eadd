"""Every case of the chart, rendered once."""

import os

import pytest

from tests.chart.rendering import CASES, Manifest, read, render_all
from tests.servers import Missing
from tests.servers.helm import Helm


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    """Skips locally where helm can't be had, fails in CI."""
    try:
        Helm.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


@pytest.fixture(scope="session")
def cases(_helm: None) -> dict[str, list[Manifest]]:
    """The manifests of each file in `ci/`, by its name."""
    rendered = render_all([read(path) for path in CASES])
    return {path.name.removesuffix("-values.yaml"): manifests for path, manifests in zip(CASES, rendered, strict=True)}
