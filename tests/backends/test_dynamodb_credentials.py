"""URLs, credentials and signatures."""

import asyncio
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiodynamo.credentials import Key
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import MetadataRetrievalError

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb import DynamoMetadata, address
from pymager_dynamodb.credentials import Credentials
from pymager_dynamodb.places import located
from pymager_dynamodb.signing import Signer
from tests.waiting import until

SOME = "http://127.0.0.1:8000"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No credentials and no region; gives the folder of the AWS files."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_a_url_says_where_the_table_is() -> None:
    read = address.read(f"dynamodb://pictures.v1?region=eu-west-1&endpoint={SOME}&profile=shop&timeout=2.5")
    assert (read.table, read.region, str(read.endpoint), read.profile, read.timeout) == (
        "pictures.v1", "eu-west-1", SOME, "shop", 2.5,
    )  # fmt: skip
    assert address.read("dynamodb://pictures") == address.Address("pictures", None, None, None, 5.0)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("dynamodb://", "dynamodb://TABLE"),
        ("dynamodb://ab", "3 to 255"),
        ("dynamodb:pictures", "dynamodb://TABLE"),
        ("dynamodb://pictures/more", "dynamodb://TABLE"),
        ("dynamodb://tab le", "dynamodb://TABLE"),
        ("dynamodb://key:S3CRET@pictures", "no credentials"),
        ("dynamodb://pictures?regoin=eu-west-1", "'regoin'.*endpoint, profile, region, timeout"),
        ("dynamodb://pictures?region=eu-west-1&region=eu-west-2", "more than once"),
        ("dynamodb://pictures?region=evil.example/", "region="),
        ("dynamodb://pictures?region=", "region="),
        ("dynamodb://pictures?region", "not a URL"),
        ("dynamodb://pictures?endpoint=localhost:8000", "http://HOST:PORT"),
        ("dynamodb://pictures?endpoint=http://localhost:8000/path", "http://HOST:PORT"),
        ("dynamodb://pictures?endpoint=http://key:S3CRET@localhost:8000", "http://HOST:PORT"),
        ("dynamodb://pictures?timeout=0", "timeout=0"),
        ("dynamodb://pictures?timeout=nan", "timeout=nan"),
        ("dynamodb://pictures?timeout=1e9", "timeout=1e9"),
        ("dynamodb://pictures?timeout=soon", "timeout=soon"),
    ],
)
def test_a_url_that_is_wrong_is_refused_with_what_would_be_right(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as failure:
        DynamoMetadata(url)
    assert "S3CRET" not in str(failure.value)


async def test_where_no_credentials_are_a_sentence_says_what_to_set(nowhere: Path) -> None:
    store = DynamoMetadata(f"dynamodb://pictures?region=eu-west-1&endpoint={SOME}")
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        await store.__aenter__()
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        await store.prepare()


async def test_a_profile_that_is_missing_is_named(nowhere: Path) -> None:
    with pytest.raises(ConfigurationError, match="shop"):
        await DynamoMetadata(f"dynamodb://pictures?region=eu-west-1&endpoint={SOME}&profile=shop").prepare()


async def test_a_profile_gives_key_and_region(nowhere: Path) -> None:
    (nowhere / "credentials").write_text("[shop]\naws_access_key_id = A\naws_secret_access_key = S3CRET\n")
    (nowhere / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    credentials = Credentials("shop")
    key = await credentials.found(5)
    assert (key.id, key.secret, key.token) == ("A", "S3CRET", None)
    assert "S3CRET" not in repr(key) + repr(credentials)
    place = await located(address.read("dynamodb://pictures?profile=shop"))
    assert (place.region, place.host) == ("eu-north-1", "dynamodb.eu-north-1.amazonaws.com")
    with pytest.raises(ConfigurationError, match="region"):
        await located(address.read("dynamodb://pictures"))


class Ending:
    """What a role gives: credentials of two hours, on a clock that the test sets; `found` is botocore's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.may_renew, self.fails, self.threads = threading.Event(), False, set[int]()
        found = RefreshableCredentials(
            "A0", "s", "t", self.now + timedelta(hours=2), self._renewed, "test", time_fetcher=lambda: self.now
        )
        monkeypatch.setattr("botocore.session.Session.get_credentials", lambda session: found)
        monkeypatch.setattr("pymager_dynamodb.credentials._LOOK", 0.0)

    def _fresh(self, id: str) -> dict[str, str]:
        end = (self.now + timedelta(hours=2)).isoformat()
        return {"access_key": id, "secret_key": "s", "token": "t", "expiry_time": end}

    def _renewed(self) -> dict[str, str]:
        self.threads.add(threading.get_ident())
        assert self.may_renew.wait(20)
        if self.fails:
            raise MetadataRetrievalError(error_msg="the role is away")
        return self._fresh("A1")


async def test_credentials_that_end_soon_are_renewed_while_the_old_ones_are_used(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = Ending(monkeypatch)
    credentials = Credentials(None)
    assert (await credentials.found(10)).id == "A0"
    role.now += timedelta(seconds=7200 - 800)
    assert (await credentials.found(10)).id == "A0"
    await until(lambda: role.threads)
    assert (await credentials.found(10)).id == "A0"
    role.may_renew.set()
    async with asyncio.timeout(20):
        while (await credentials.found(10)).id != "A1":
            await asyncio.sleep(0.005)
    assert threading.get_ident() not in role.threads
    await credentials.close(5)


async def test_credentials_that_cannot_be_renewed_are_used_to_their_end(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = Ending(monkeypatch)
    credentials = Credentials(None)
    await credentials.found(10)
    role.fails = True
    role.may_renew.set()
    role.now += timedelta(seconds=7200 - 60)
    assert (await credentials.found(10)).id == "A0"
    role.now += timedelta(seconds=61)
    with pytest.raises(Unavailable, match="role is away") as failure:
        await credentials.found(10)
    assert failure.value.outcome_known
    role.fails = False
    assert (await credentials.found(10)).id == "A1"


async def test_credentials_that_do_not_come_are_waited_for_in_bounds(nowhere: Path) -> None:
    """Whoever waits is let go; the search goes on for the next."""
    waiting = nowhere / "waiting"
    program = nowhere / "program.py"
    program.write_text(
        "import json, pathlib, time\n"
        f"while not pathlib.Path({str(waiting)!r}).exists(): time.sleep(0.01)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'A', 'SecretAccessKey': 's'}))\n"
    )
    (nowhere / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    credentials = Credentials(None)
    with pytest.raises(Unavailable, match="in time"):
        await credentials.found(0.2)
    waiting.touch()
    assert (await credentials.found(20)).id == "A"


@pytest.mark.parametrize("token", [None, "a/session+token="])
@pytest.mark.parametrize("host", ["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000"])
def test_a_signature_is_the_one_that_botocore_makes(host: str, token: str | None) -> None:
    body = '{"Key":{"pk":{"S":"original#猫"}}}'.encode()
    signer = Signer("eu-west-1", host)
    key = Key("AKID", "secret", token)
    for action in ("GetItem", "UpdateItem"):  # the second from what the first has kept
        ours = signer.headers(key, action, body)
        request = AWSRequest("POST", f"https://{host}/", headers=ours, data=body)
        del request.headers["Authorization"]
        del request.headers["X-Amz-Date"]
        del request.headers["X-Amz-Security-Token"]
        auth = SigV4Auth(BotoCredentials("AKID", "secret", token), "dynamodb", "eu-west-1")
        request.context["timestamp"] = ours["X-Amz-Date"]
        request.headers["X-Amz-Date"] = ours["X-Amz-Date"]
        if token:
            request.headers["X-Amz-Security-Token"] = token
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        assert ours["Authorization"].endswith(f"Signature={signature}")
        assert ours.get("X-Amz-Security-Token") == token


def test_another_key_signs_from_then_on() -> None:
    signer = Signer("eu-west-1", "host")
    headers = [signer.headers(Key(id, id), "GetItem", b"{}")["Authorization"] for id in ("A", "B", "A")]
    assert [f"Credential={id}/" in header for id, header in zip("ABA", headers, strict=True)] == [True] * 3
    assert headers[0].rpartition("=")[2] != headers[1].rpartition("=")[2]
