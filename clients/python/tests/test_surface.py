"""Both clients have the same calls, and the README names everything that is exported."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import httpx
import pytest

import pymager_client
from pymager_client import AsyncClient, Client, Original, VariantOptions
from pymager_client.errors import Problem

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def surface(kind: type[Any]) -> dict[str, list[tuple[str, Any, Any]]]:
    """The public methods and the constructor, with the names, kinds and defaults of their parameters."""
    return {
        name: [(each.name, each.kind, each.default) for each in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(kind, callable)
        if name == "__init__" or not name.startswith("_")
    }


@pytest.fixture(scope="module")
def openapi(public_url: str) -> Any:
    """The server's description of its API."""
    return httpx.get(f"{public_url}/openapi.json", timeout=120, trust_env=False).json()


def test_an_original_has_the_fields_that_the_server_sends(openapi: Any) -> None:
    sent = openapi["components"]["schemas"]["Original"]["properties"]
    assert {field.name for field in dataclasses.fields(Original)} == set(sent)


def test_a_problem_has_the_fields_that_the_server_sends(openapi: Any) -> None:
    sent = set(openapi["components"]["schemas"]["Problem"]["properties"])
    assert sent <= {field.name for field in dataclasses.fields(Problem)}


def test_a_variant_has_the_options_that_the_server_reads(openapi: Any) -> None:
    read = {each["name"] for each in openapi["paths"]["/derived/{name}"]["get"]["parameters"] if each["in"] == "query"}
    assert set(VariantOptions.__annotations__) | {"exp", "sig"} == read | {"v"}


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
