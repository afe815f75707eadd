"""Credentials: passwords and tokens, right, wrong and malformed."""

import asyncio
import base64
import hashlib
import hmac

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from argon2 import PasswordHasher
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pymager.errors import PymagerError
from pymager.telemetry.context import RequestContext
from pymager.web import failures
from pymager.web.auth import Auth
from pymager.web.failures import Unauthorized, WritesDisabled
from pymager.web.request_context import CONTEXT

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USERS = {"ada": CHEAP.hash("lovelace"), "böb": CHEAP.hash("pass:wörd")}
TOKENS = {name: hashlib.sha256(f"token-{name}".encode()).hexdigest() for name in ("ci", "cd", "ops")}


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def request(authorization: str | None) -> web.Request:
    headers = {} if authorization is None else {"Authorization": authorization}
    made = make_mocked_request("PUT", "/", headers=headers)
    made[CONTEXT] = RequestContext("1", "192.0.2.1", started=0.0)
    return made


async def name_of(auth: Auth, authorization: str | None) -> str:
    return await auth.require(request(authorization))


@pytest.fixture
def auth() -> Auth:
    return Auth(USERS, TOKENS)


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        (basic("ada", "lovelace"), "ada"),
        (basic("ada", "lovelace").replace("Basic ", "bAsIC   "), "ada"),
        (basic("böb", "pass:wörd"), "böb"),
        ("Bearer token-ci", "ci"),
        ("bearer  token-ops ", "ops"),
    ],
)
async def test_right_credentials_give_a_name(auth: Auth, authorization: str, name: str) -> None:
    assert await name_of(auth, authorization) == name
    assert await name_of(auth, authorization) == name


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWRhOmxvdmVsYW",
        "Basic YWRhOmxvdmVsYWNl YWRhOmxvdmVsYWNl",
        "Basic \u0661",
        "Basic " + base64.b64encode(b"ada").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        basic("ada", ""),
        basic("ada", "lovelace "),
        basic("ada", "Lovelace"),
        basic("ADA", "lovelace"),
        basic("", "lovelace"),
        basic("eve", "lovelace"),
        basic("ada", "love\0lace"),
        basic("ada", "x" * 1_025),
        basic("ada", "x" * 1_000_000),
        "Bearer",
        "Bearer ",
        "Bearer token",
        "Bearer token-ci token-cd",
        "Bearer " + TOKENS["ci"],
        "Bearer \u0661",
        "Token token-ci",
        "Digest username=ada",
        "token-ci",
        "Basic:" + base64.b64encode(b"ada:lovelace").decode(),
    ],
)
async def test_wrong_or_malformed_credentials_are_unauthorized(auth: Auth, authorization: str | None) -> None:
    with pytest.raises(Unauthorized):
        await name_of(auth, authorization)


@given(
    st.text()
    | st.from_regex(r"(?i)\A(basic|bearer) .*\Z")
    | st.binary().map(lambda credentials: "Basic " + base64.b64encode(credentials).decode())
)
@example("Basic " + base64.b64encode(b":").decode())
@settings(max_examples=60)
def test_any_header_gives_a_name_or_unauthorized(authorization: str) -> None:
    try:
        assert asyncio.run(name_of(Auth(USERS, TOKENS), authorization)) in {*USERS, *TOKENS}
    except Unauthorized as error:
        assert str(error)


async def test_a_header_that_is_not_utf_8_is_unauthorized(auth: Auth) -> None:
    async def handle(request: web.Request) -> web.Response:
        request[CONTEXT] = RequestContext("1", "192.0.2.1", started=0.0)
        try:
            await auth.require(request)
        except PymagerError as error:
            return failures.error_response(error, "")
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        for value in (b"Bearer \xff\xfe", b"Basic \xff", b"\xff \xff"):
            reader, writer = await asyncio.open_connection(*runner.addresses[0])
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nAuthorization: " + value + b"\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(20):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 401 ")
            writer.close()
            await writer.wait_closed()
    finally:
        await runner.cleanup()


async def test_without_users_and_tokens_writes_are_disabled() -> None:
    closed = Auth({}, {})
    for authorization in (None, basic("ada", "lovelace"), "Bearer token-ci", "Bearer "):
        with pytest.raises(WritesDisabled, match="PYMAGER_USERS"):
            await name_of(closed, authorization)


async def test_every_token_is_compared_in_constant_time_also_after_one_matched(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for token in ("token-ci", "token-ops"):
        await name_of(auth, f"Bearer {token}")
    with pytest.raises(Unauthorized):
        await name_of(auth, "Bearer wrong")
    assert len(compared) == 3 * len(TOKENS)
    assert {len(digest) for pair in compared for digest in pair} == {32}


async def test_no_password_matches_an_invalid_hash() -> None:
    with pytest.raises(Unauthorized):
        await name_of(Auth({"ada": "$argon2id$nonsense"}, {}), basic("ada", "x"))
