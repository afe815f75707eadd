"""Both clients have the same calls, and the README names everything that is exported."""

import inspect
from pathlib import Path
from typing import Any

import pymager_client
from pymager_client import AsyncClient, Client

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def surface(kind: type[Any]) -> dict[str, list[tuple[str, Any, Any]]]:
    """The public methods and the constructor, with the names, kinds and defaults of their parameters."""
    return {
        name: [(each.name, each.kind, each.default) for each in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(kind, callable)
        if name == "__init__" or not name.startswith("_")
    }


def test_both_clients_have_the_same_calls() -> None:
    blocking, asynchronous = surface(Client), surface(AsyncClient)
    assert blocking.pop("close") == asynchronous.pop("aclose")
    assert blocking == asynchronous
    assert {"upload", "replace", "delete", "info", "originals", "download", "stream", "variant", "srcset"} <= set(
        blocking
    )


def test_every_public_call_has_a_docstring() -> None:
    undocumented = [
        f"{kind.__name__}.{name}"
        for kind in (Client, AsyncClient)
        for name in surface(kind)
        if not inspect.getdoc(getattr(kind, name))
    ]
    assert undocumented == []


def test_the_readme_names_every_export_and_call() -> None:
    unnamed = {"AsyncDownload", "Download", "Problem", "VariantOptions", "__version__"}  # types of what is named
    names = set(pymager_client.__all__) - unnamed | set(surface(Client)) - {"__init__", "close"}
    assert [name for name in sorted(names) if f"`{name}" not in README] == []


def test_every_option_is_in_the_readme() -> None:
    options = pymager_client.VariantOptions.__annotations__
    assert len(options) == 17
    assert [name for name in options if f"`{name}`" not in README and f"`{name}=" not in README] == []
