"""What pymager uses of aiohttp beyond its documented interface, and what breaks if a release changes it.

aiohttp may rename or remove these names in any minor release, so pyproject.toml allows only one. To allow the next one:
run this file against it, then the tests of connections, bodies and draining.
"""

import ast
import asyncio
import importlib
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_protocol import RequestHandler

_ROOT = Path(__file__).parents[2]
_SOURCES = {_ROOT: "pymager", _ROOT / "backends": "."}
_REFLECTION = frozenset(("getattr", "setattr", "hasattr", "delattr"))
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Internal:
    """A name of aiohttp's: the class that has it, what it is used for, and what breaks without it."""

    owner: type
    name: str
    used_for: str
    breaks: str


ATTRIBUTES = (
    Internal(
        RequestHandler,
        "_request_count",
        "seeing that the head of a request is complete",
        "the timeout for heads closes connections that sent theirs in time, or never fires",
    ),
    Internal(
        RequestHandler,
        "_messages",
        "the last request that was parsed, and its body",
        "bodies are taken for heads and closed, or heads behind a request have no timeout",
    ),
    Internal(
        RequestHandler,
        "_request_handler",
        "the handler of all requests, also for what is not HTTP",
        "malformed requests are neither counted nor logged",
    ),
    Internal(
        RequestHandler,
        "_force_close",
        "telling a client that leaves from a connection that the server closes",
        "requests that the server gives up count as those of clients that left",
    ),
    Internal(
        RequestHandler,
        "_next_keepalive_close_time",
        "which connection has waited longest for a request",
        "connections give way in the wrong order",
    ),
    Internal(
        RequestHandler,
        "_current_request",
        "canceling what waits for a client that has left",
        "renders and uploads that nobody waits for keep their place in the queue",
    ),
    Internal(
        RequestHandler,
        "_waiter",
        "seeing that a connection is idle",
        "draining waits for idle connections until its timeout, and late heads are not closed",
    ),
    Internal(
        RequestHandler,
        "_request_in_progress",
        "holding a direct request until aiohttp has finished the one before it",
        "aiohttp answers hits, at a higher cost, as long as the client is fast",
    ),
    Internal(
        RequestHandler,
        "_lingering_time",
        "how long a body that was refused is read after the response",
        "a refused client holds its connection by sending its body slowly, or never gets its response",
    ),
    Internal(
        RequestHandler,
        "_close",
        "seeing that a connection closes after the response to a direct request",
        "such a connection stays open",
    ),
    Internal(
        RequestHandler,
        "_keepalive_handle",
        "closing a connection that stays idle after a direct request",
        "idle connections stay open",
    ),
    Internal(
        RequestHandler,
        "_process_keepalive",
        "closing a connection that stays idle after a direct request",
        "direct requests end without a response to the next one",
    ),
    Internal(
        BaseProtocol,
        "_parser",
        "telling the parser that a direct request was taken from the queue",
        "a connection stops reading after some direct requests",
    ),
    Internal(
        BaseProtocol, "_loop", "timers for heads and for clients that do not read", "connections have no timeouts"
    ),
    Internal(
        web.Request,
        "_match_info",
        "the route of a request in metrics and spans; None before routing",
        "a request that was given up in the hot path fails when it is counted",
    ),
)

UNDOCUMENTED = (
    Internal(
        web.Server,
        "request_handler",
        "answering hits before aiohttp's router: it is replaced before the first connection",
        "hits take the slow path, and requests are neither counted nor traced",
    ),
    Internal(
        web.Server,
        "request_factory",
        "giving every request its context: it is replaced before the first connection",
        "no request has a context, and every handler fails",
    ),
    Internal(
        web.Server,
        "connections",
        "closing idle connections while draining; the number of connections in the metrics",
        "draining waits for its whole timeout",
    ),
    Internal(
        AbstractStreamWriter,
        "output_size",
        "whether the head of an answer has been sent; set back after `100 Continue`",
        "an error after `100 Continue` cuts the connection instead of being answered",
    ),
    Internal(
        RequestHandler,
        "force_close",
        "closing a connection at once, also from another task",
        "connections over the limit, late heads and idle connections stay open",
    ),
    Internal(
        RequestHandler,
        "log_exception",
        "logging an error that no handler caught",
        "bugs outside of the handlers are answered with 500 and not logged",
    ),
    Internal(
        StreamReader,
        "is_eof",
        "seeing that a body is complete",
        "the next head on a connection has no timeout of its own",
    ),
    Internal(
        StreamReader,
        "total_bytes",
        "counting the bytes of bodies that came in",
        "the metrics of incoming bytes fail",
    ),
)

OVERRIDES = (
    Internal(RequestHandler, "__init__", "limits of a connection", "every new connection fails"),
    Internal(
        RequestHandler,
        "connection_made",
        "refusing one connection too many; starting the timeout for the first head",
        "connections are unlimited, and a client that sends nothing stays",
    ),
    Internal(
        RequestHandler,
        "connection_lost",
        "stopping timers and the task that reads a body",
        "timers and tasks outlive their connections",
    ),
    Internal(RequestHandler, "data_received", "the timeout for heads", "a head that never ends holds its connection"),
    Internal(
        RequestHandler,
        "pause_writing",
        "seeing that a client does not read",
        "a client that does not read is never cut",
    ),
    Internal(
        RequestHandler,
        "resume_writing",
        "seeing that a client reads again",
        "a client that reads is cut",
    ),
    Internal(
        RequestHandler,
        "handle_error",
        "problem documents for errors outside of the handlers",
        "such errors get aiohttp's page as their answer",
    ),
    Internal(
        RequestHandler,
        "_make_error_handler",
        "passing what is not HTTP to the handler of all requests",
        "malformed requests get aiohttp's page as their answer, and are neither counted nor logged",
    ),
    Internal(
        RequestHandler,
        "force_close",
        "closing also a connection that lingers",
        "a stop waits for connections that linger",
    ),
    Internal(
        RequestHandler,
        "shutdown",
        "ending direct requests when the server stops",
        "the tasks of direct requests outlive the server",
    ),
)

_PRIVATE = {row.name for row in ATTRIBUTES}


def _named(row: Internal) -> str:
    return f"{row.owner.__name__}.{row.name}"


@pytest.mark.parametrize("row", (*ATTRIBUTES, *UNDOCUMENTED, *OVERRIDES), ids=_named)
async def test_each_name_exists_in_aiohttp(row: Internal) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        raise NotImplementedError

    present = row.name in dir(row.owner)
    if row.owner is web.Server:
        present = hasattr(web.Server(handler), row.name)  # it sets its attributes in `__init__`
    elif row.owner is StreamReader:
        present = present or row.name in inspect.getsource(StreamReader.__init__)
    assert present, f"aiohttp {aiohttp.__version__} has no {_named(row)}: {row.breaks}"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (RequestHandler.connection_made, ["self", "transport"]),
        (RequestHandler.connection_lost, ["self", "exc"]),
        (RequestHandler.data_received, ["self", "data"]),
        (RequestHandler.pause_writing, ["self"]),
        (RequestHandler.resume_writing, ["self"]),
        (RequestHandler.handle_error, ["self", "request", "status", "exc", "message"]),
        (RequestHandler._make_error_handler, ["self", "err_info"]),
        (RequestHandler.force_close, ["self"]),
        (RequestHandler.shutdown, ["self", "timeout"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_overridden_method_takes_the_same_parameters(method: Callable[..., Any], parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def test_a_connection_takes_the_limits_that_are_passed_to_it() -> None:
    parameters = set(inspect.signature(RequestHandler.__init__).parameters)
    assert {"loop", "keepalive_timeout", "access_log", "auto_decompress", "lingering_time"} <= parameters


class Answer:
    """The attributes that a connection may use of a response: the hot path's response has no others."""

    keep_alive = True

    async def prepare(self, request: web.BaseRequest) -> None:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def write_eof(self) -> None:
        """Nothing follows."""


async def test_the_attributes_have_the_values_that_are_relied_on() -> None:
    """An idle connection, one that is being answered, and an idle one again; the second handler is the one called."""
    seen: dict[str, Any] = {}

    async def first(request: web.BaseRequest) -> Any:
        raise AssertionError("the handler was replaced")

    async def second(request: web.BaseRequest) -> Any:
        protocol = request.protocol
        seen.update(
            waiter=protocol._waiter,
            in_progress=protocol._request_in_progress,
            is_current=protocol._current_request is request,
            count=protocol._request_count,
            is_complete=request.content.is_eof(),
            received=request.content.total_bytes,
            sent_before=request.writer.output_size,
        )
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        seen["sent_after"] = request.writer.output_size
        request.writer.output_size = 0
        return Answer()

    server = web.Server(first)
    server.request_handler = second
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: RequestHandler(server, loop=loop, lingering_time=3.0), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while not server._connections or (protocol := server.connections[0])._waiter is None:
                await asyncio.sleep(0.001)
            assert (len(server._connections), protocol._manager, protocol._loop) == (1, server, loop)
            assert (protocol._request_count, protocol._request_in_progress) == (0, False)
            assert (protocol._current_request, protocol._lingering_time) == (None, 3.0)
            assert isinstance(protocol._task_handler, asyncio.Task)
            assert isinstance(protocol._waiter, asyncio.Future) and not protocol._waiter.done()
            for number in (1, 2):
                writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
                answer = [await reader.readuntil(b"\r\n\r\n") for _ in range(2)]
                assert [line[9:12] for line in answer] == [b"100", b"204"]
                assert seen == {
                    "waiter": None,
                    "in_progress": True,
                    "is_current": True,
                    "count": number,
                    "is_complete": True,
                    "received": 4,
                    "sent_before": 0,
                    "sent_after": 25,
                }
            while protocol._waiter is None:
                await asyncio.sleep(0.001)
            assert (protocol._request_in_progress, protocol._current_request) == (False, None)
            protocol.force_close()
            assert await reader.read() == b""
    finally:
        writer.close()
        listener.close()
        await server.shutdown(1)


def test_a_request_has_no_route_before_it_was_routed() -> None:
    assert web.Request._match_info is None
    assert "_match_info" in web.Request.ATTRS
    assert make_mocked_request("GET", "/")._match_info is not None


@dataclass(frozen=True, slots=True)
class Module:
    """A module of pymager or of a backend."""

    path: Path
    name: str
    text: str

    def classes(self) -> dict[str, type]:
        """The classes that it defines, by name."""
        found = inspect.getmembers(importlib.import_module(self.name), inspect.isclass)
        return {name: cls for name, cls in found if cls.__module__ == self.name}


def _modules() -> Iterator[Module]:
    """The web package, and whatever else imports aiohttp."""
    for root, below in _SOURCES.items():
        for path in sorted((root / below).rglob("*.py")):
            text = path.read_text("utf-8")
            parts = path.relative_to(root).with_suffix("").parts
            if parts[:2] == ("pymager", "web") or re.search(r"^\s*(?:import|from) aiohttp\b", text, re.MULTILINE):
                yield Module(path, ".".join(parts).removesuffix(".__init__"), text)


def _bases(cls: type | None) -> list[type]:
    """The classes of aiohttp that it inherits from."""
    return [] if cls is None else [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "aiohttp"]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


class _Scan(ast.NodeVisitor):
    """Collects the private names that a module uses of objects other than its own."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._inside: type | None = None
        self.found: dict[str, int] = {}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outside, self._inside = self._inside, self._classes.get(node.name)
        self.generic_visit(node)
        self._inside = outside

    def visit_Attribute(self, node: ast.Attribute) -> None:
        own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        own = own or (isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super")
        inherited = any(node.attr in dir(base) for base in _bases(self._inside))
        if _is_private(node.attr) and (inherited or not own):
            self.found.setdefault(node.attr, node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _REFLECTION and len(node.args) > 1:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and _is_private(name.value):
                self.found.setdefault(name.value, node.lineno)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").partition(".")[0] == "aiohttp":
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            self.found.update({name: node.lineno for name in names if _is_private(name)})


def _meant_for_subclasses(base: type) -> frozenset[str]:
    return getattr(base, "__abstractmethods__", frozenset())


def private_names(text: str, classes: Mapping[str, type]) -> dict[str, int]:
    """The private names that a module uses of objects other than its own, with the first line of each."""
    scan = _Scan(classes)
    scan.visit(ast.parse(text))
    return scan.found


@pytest.mark.parametrize("module", tuple(_modules()), ids=lambda module: str(module.name))
def test_no_private_attribute_of_aiohttp_is_used_that_the_table_does_not_list(module: Module) -> None:
    unlisted = {
        name: line for name, line in private_names(module.text, module.classes()).items() if name not in _PRIVATE
    }
    assert not unlisted, f"{module.path}: use a public name, or list these in ATTRIBUTES with what breaks: {unlisted}"


@pytest.mark.parametrize("module", tuple(_modules()), ids=lambda module: str(module.name))
def test_nothing_of_aiohttp_is_overridden_that_the_table_does_not_list(module: Module) -> None:
    listed = {row.name for row in OVERRIDES}
    for name, cls in module.classes().items():
        defined = {each for each in vars(cls) if each == "__init__" or not each.startswith(("__", "_abc_"))}
        overridden = {
            each for each in defined for base in _bases(cls) if each in set(vars(base)) - _meant_for_subclasses(base)
        }
        assert overridden <= listed, f"{name} overrides {overridden - listed}: list them in OVERRIDES with what breaks"


def test_the_table_lists_only_what_is_used() -> None:
    text = "\n".join(module.text for module in _modules())
    for row in (*ATTRIBUTES, *UNDOCUMENTED):
        assert re.search(rf"\.{row.name}\b", text), f"{_named(row)} is not used any more: remove it"
    for row in OVERRIDES:
        assert f"def {row.name}(" in text, f"{_named(row)} is not overridden any more: remove it"


class _Handler(RequestHandler):
    """The sample that the scan is tested with."""

    __slots__ = ("_own",)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("self._own = 1", set()),
        ("self._keepalive = True", {"_keepalive"}),
        ("super()._process_keepalive()", {"_process_keepalive"}),
        ("request._task", {"_task"}),
        ("getattr(request, '_task')", {"_task"}),
        ("setattr(self, '_close', True)", {"_close"}),
        ("from aiohttp._http_parser import HttpRequestParser", {"_http_parser"}),
        ("from aiohttp.web_protocol import _ErrInfo", {"_ErrInfo"}),
        ("request.__class__", set()),
    ],
)
def test_the_scan_finds_private_names(line: str, found: set[str]) -> None:
    text = f"class _Handler(RequestHandler):\n    def method(self, request):\n        {line}\n"
    assert set(private_names(text, {"_Handler": _Handler})) == found


def test_one_minor_release_of_aiohttp_is_allowed_and_it_is_the_installed_one() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (requirement,) = (each for each in project["dependencies"] if each.startswith("aiohttp"))
    major, minor = (int(number) for number in aiohttp.__version__.split(".")[:2])
    assert requirement == f"aiohttp>={major}.{minor},<{major}.{minor + 1}"
