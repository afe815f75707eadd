"""actionlint, which checks the workflows of the forge, built from the Go module (https://github.com/rhysd/actionlint)."""

from pathlib import Path

from tests.servers.cache import go_installed

_VERSION = "1.7.12"
_PACKAGE = f"github.com/rhysd/actionlint/cmd/actionlint@v{_VERSION}"


class Actionlint:
    """The program, as the tests of the workflows need it."""

    @classmethod
    def install(cls) -> None:
        """Build it unless it is there. Raises `Missing`."""
        cls.binary()

    @staticmethod
    def binary() -> Path:
        """Its path. Raises `Missing`."""
        return go_installed(f"actionlint-{_VERSION}", _PACKAGE) / "actionlint"
