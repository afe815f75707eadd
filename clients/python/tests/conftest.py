"""Real servers, and a function that connects either client."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from typing import Any, cast

import pytest

from pymager_client import Client
from tests.both import Variant, connected
from tests.server import KEY, PASSWORD, TOKEN, USERNAME, serving

Connect = Callable[..., Client]


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def public_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose pictures everyone may see."""
    presets = "thumb:20x20;wide:40x,q=70"
    tokens = f"tests:{sha256(TOKEN.encode()).hexdigest()}"
    with serving(tmp_path_factory.mktemp("public"), presets=presets, tokens=tokens) as url:
        yield url


@pytest.fixture(scope="session")
def private_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose pictures need a signature or credentials."""
    with serving(tmp_path_factory.mktemp("private"), signatures="required", presets="thumb:20x20") as url:
        yield url


@pytest.fixture(params=["sync", "asyncio", "trio"])
def variant(request: pytest.FixtureRequest) -> Variant:
    return cast(Variant, request.param)


@pytest.fixture
def connect(variant: Variant) -> Iterator[Connect]:
    """Connects a client of each kind in turn; it is closed at the end of the test."""
    with ExitStack() as stack:

        def connect(base_url: str, **options: Any) -> Client:
            return stack.enter_context(connected(variant, base_url, **options))

        yield connect


@pytest.fixture
def client(connect: Connect, public_url: str) -> Client:
    """A client of the public server with credentials and a key."""
    return connect(public_url, username=USERNAME, password=PASSWORD, signing_key=KEY)


@pytest.fixture(scope="session")
def small_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that takes pictures of up to 100,000 bytes."""
    with serving(tmp_path_factory.mktemp("small"), max_body="100000") as url:
        yield url
