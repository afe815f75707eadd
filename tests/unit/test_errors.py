"""The tree of errors: its drawing, where errors are defined, and which of them have a status over HTTP."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from pymager import errors
from pymager.errors import PymagerError
from pymager.web import failures
from pymager.web.failures import STATUS_BY_ERROR, WebError

PACKAGES = ("pymager", "pymager_filesystem", "pymager_s3", "pymager_sql", "pymager_dynamodb", "pymager_memcached")
INTERNAL = {
    errors.ConfigurationError,  # raised before a server listens
    errors.NotFound,  # the library turns it into OriginalNotFound or OriginalLost
    errors.LeaseHeld,  # leases are the library's own
    errors.LeaseLost,
    errors.PurgeFailed,  # delivered again
    errors.RevisionGone,  # the library tries again
    errors.WatermarkChanged,
    errors.ImportRefused,  # of a command
    errors.MezzanineDamaged,  # the library makes it again
    errors.OriginalLost,  # data is lost: 500, and the log tells which
}


def subclasses(kind: type[PymagerError]) -> Iterator[type[PymagerError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


@pytest.fixture(scope="module")
def ours() -> set[type[PymagerError]]:
    """Every error of pymager and of its backends; those of the tests are left out."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
    return {kind for kind in subclasses(PymagerError) if kind.__module__.split(".")[0] in PACKAGES}


def drawn() -> dict[str, str]:
    """The parent of each error in the drawing of `pymager.errors`."""
    parents: dict[str, str] = {}
    path = ["PymagerError"]
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4 + 1
        path[depth:] = [name]
        parents[name] = path[depth - 1]
    return parents


def test_the_drawing_of_the_tree_is_what_the_module_defines() -> None:
    defined = {kind for kind in subclasses(PymagerError) if kind.__module__ == "pymager.errors"}
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in defined}


def test_errors_are_defined_in_one_module_except_those_of_http(ours: set[type[PymagerError]]) -> None:
    elsewhere = {kind for kind in ours if kind.__module__ != "pymager.errors"}
    assert elsewhere == {WebError, *subclasses(WebError)}
    assert {kind.__module__ for kind in elsewhere} == {failures.__name__}


def test_every_error_has_a_status_or_is_internal(ours: set[type[PymagerError]]) -> None:
    raised = {kind for kind in ours if not kind.__subclasses__()}
    assert raised - STATUS_BY_ERROR.keys() == INTERNAL
    assert STATUS_BY_ERROR.keys() <= raised
    assert set(STATUS_BY_ERROR.values()) <= set(range(400, 600)) - {500}
