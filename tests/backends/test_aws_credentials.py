"""Credentials: where they are found, and how they are renewed without making requests wait."""

import asyncio
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import MetadataRetrievalError

from pymager.errors import ConfigurationError, Unavailable
from pymager_aws import credentials as module
from pymager_aws.credentials import Credentials, Key
from pymager_aws.session import configured_region, new_session
from tests.waiting import until


def write_profile(folder: Path, id: str) -> None:
    (folder / "credentials").write_text(f"[shop]\naws_access_key_id = {id}\naws_secret_access_key = S3CRET\n")


async def test_a_profile_has_a_key_and_a_region(no_credentials: Path) -> None:
    write_profile(no_credentials, "A")
    (no_credentials / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    credentials = Credentials("shop")
    assert credentials.key is None
    key = await credentials.get(5)
    assert key == Key("A", "S3CRET", None)
    assert credentials.key is key
    assert "S3CRET" not in repr(key) + repr(credentials)
    assert configured_region(new_session("shop")) == "eu-north-1"
    assert configured_region(new_session(None)) is None


async def test_without_credentials_the_error_says_where_they_were_searched(no_credentials: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"AWS_ACCESS_KEY_ID.*AWS_PROFILE.*AWS_WEB_IDENTITY_TOKEN_FILE"):
        await Credentials(None).get(5)
    with pytest.raises(ConfigurationError, match=r"profile \(nobody\)"):
        await Credentials("nobody").get(5)
    with pytest.raises(ConfigurationError, match=r"profile \(nobody\)"):
        configured_region(new_session("nobody"))


async def test_a_changed_file_is_read_again_after_some_minutes_and_at_once_after_a_rejection(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(no_credentials, "A")
    credentials = Credentials("shop")
    assert (await credentials()).get("access_key_id") == "A"
    write_profile(no_credentials, "B")
    assert (await credentials.get(5)).id == "A"
    credentials.forget()
    assert credentials.key is None
    assert (await credentials.get(5)).id == "B"
    monkeypatch.setattr(module, "_LOOKUP_INTERVAL_SECONDS", 0.0)
    credentials.forget()
    await credentials.get(5)
    write_profile(no_credentials, "C")
    async with asyncio.timeout(20):
        while (await credentials())["access_key_id"] != "C":
            await asyncio.sleep(0.005)
    await credentials.close()


async def test_a_file_that_cannot_be_read_again_leaves_the_key_in_use(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOKUP_INTERVAL_SECONDS", 0.0)
    write_profile(no_credentials, "A")
    credentials = Credentials("shop")
    await credentials.get(5)
    (no_credentials / "credentials").write_text("[shop]\naws_access_key_id = half of it\n")
    for _ in range(5):
        assert (await credentials.get(5)).id == "A"
        await asyncio.sleep(0.01)
    await credentials.close()


class ExpiringRole:
    """Credentials of two hours, by a clock that the test sets; botocore finds them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.may_renew, self.fails, self.threads = threading.Event(), False, set[int]()
        found = RefreshableCredentials(
            "A0", "s", "t", self.now + timedelta(hours=2), self._renew, "test", time_fetcher=lambda: self.now
        )
        monkeypatch.setattr("botocore.session.Session.get_credentials", lambda session: found)
        monkeypatch.setattr(module, "_CHECK_INTERVAL_SECONDS", 0.0)

    def _renew(self) -> dict[str, str]:
        self.threads.add(threading.get_ident())
        assert self.may_renew.wait(20)
        if self.fails:
            raise MetadataRetrievalError(error_msg="the role is away")
        end = (self.now + timedelta(hours=2)).isoformat()
        return {"access_key": "A1", "secret_key": "s", "token": "t", "expiry_time": end}


async def test_credentials_that_expire_soon_are_renewed_while_the_old_ones_are_used(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = ExpiringRole(monkeypatch)
    credentials = Credentials(None)
    assert (await credentials.get(10)).id == "A0"
    role.now += timedelta(seconds=7200 - 800)
    assert (await credentials.get(10)).id == "A0"
    await until(lambda: role.threads)
    assert (await credentials.get(10)).id == "A0"
    assert (await credentials())["access_key_id"] == "A0", "obstore does not wait either"
    role.may_renew.set()
    async with asyncio.timeout(20):
        while (await credentials.get(10)).id != "A1":
            await asyncio.sleep(0.005)
    assert (await credentials())["access_key_id"] == "A1"
    assert threading.get_ident() not in role.threads
    await credentials.close(5)


async def test_credentials_that_cannot_be_renewed_are_used_until_they_expire(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = ExpiringRole(monkeypatch)
    credentials = Credentials(None)
    await credentials.get(10)
    role.fails = True
    role.may_renew.set()
    role.now += timedelta(seconds=7200 - 60)
    assert (await credentials.get(10)).id == "A0"
    role.now += timedelta(seconds=61)
    with pytest.raises(Unavailable, match="role is away") as failure:
        await credentials.get(10)
    assert failure.value.outcome_known
    role.fails = False
    assert (await credentials.get(10)).id == "A1"


def write_program(folder: Path, code: str, profile: str) -> None:
    """A profile whose credentials a program prints."""
    (folder / "program.py").write_text(code)
    (folder / "config").write_text(f"[{profile}]\ncredential_process = {sys.executable} {folder / 'program.py'}\n")


async def test_credentials_for_obstore_are_valid_for_as_long_as_it_keeps_them(no_credentials: Path) -> None:
    """A program that returns other credentials at each call, the first ones valid for five minutes only."""
    write_program(
        no_credentials,
        "import json, pathlib, datetime\n"
        f"calls = pathlib.Path({str(no_credentials / 'calls')!r})\n"
        "n = len(calls.read_text()) if calls.exists() else 0\n"
        "calls.write_text('.' * (n + 1))\n"
        "end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5 if n == 0 else 60)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'key-{n}', 'SecretAccessKey': 'x', 'SessionToken': 'y',"
        " 'Expiration': end.isoformat()}))\n",
        "profile images",
    )
    credentials = Credentials("images")
    keys = [(await credentials())["access_key_id"] for _ in range(3)]
    assert keys[-1] == "key-1"
    ends = (await credentials())["expires_at"]
    assert ends is not None
    assert ends - datetime.now(UTC) < timedelta(minutes=10)


async def test_a_slow_lookup_is_waited_for_in_bounds_and_serves_the_next_caller(no_credentials: Path) -> None:
    go = no_credentials / "go"
    write_program(
        no_credentials,
        "import json, pathlib, time\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'A', 'SecretAccessKey': 's'}))\n",
        "default",
    )
    credentials = Credentials(None)
    with pytest.raises(Unavailable, match="took too long"):
        await credentials.get(0.2)
    go.touch()
    assert (await credentials.get(20)).id == "A"


async def test_many_callers_share_one_lookup(no_credentials: Path) -> None:
    write_program(
        no_credentials,
        "import json, pathlib\n"
        f"with pathlib.Path({str(no_credentials / 'calls')!r}).open('a') as calls: calls.write('.')\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'A', 'SecretAccessKey': 's'}))\n",
        "default",
    )
    credentials = Credentials(None)
    await asyncio.gather(*(credentials.get(20) for _ in range(20)), *(credentials() for _ in range(20)))
    assert (no_credentials / "calls").read_text() == "."
