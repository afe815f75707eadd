"""Signatures equal those of botocore, which implements AWS Signature Version 4 independently."""

from hashlib import sha256
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pymager_aws import sigv4
from pymager_aws.credentials import Key
from pymager_aws.sigv4 import Headers, Signer

EMPTY = sha256(b"").hexdigest()
TOKENS = [None, "a/session+token="]
HOSTS = ["service.eu-west-1.amazonaws.com", "127.0.0.1:8000"]


def reference(auth: SigV4Auth, request: AWSRequest, ours: dict[str, str]) -> str:
    """botocore's signature of the request at the time of ours."""
    for name, value in ours.items():
        if name != "authorization":
            request.headers[name] = value
    request.context["timestamp"] = ours["x-amz-date"]
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert isinstance(signature, str)
    return signature


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("host", HOSTS)
def test_a_signed_post_is_the_one_that_botocore_makes(host: str, token: str | None) -> None:
    body = '{"Key":{"pk":{"S":"original#猫"}}}'.encode()
    signer = Signer("dynamodb", "eu-west-1", host)
    key = Key("AKID", "secret", token)
    for action in ("GetItem", "UpdateItem", "GetItem"):  # the later ones use what the first has cached
        extra: Headers = (("content-type", "application/x-amz-json-1.0"), ("x-amz-target", action))
        ours = signer.headers(key, "POST", "/", extra, sha256(body).hexdigest())
        auth = SigV4Auth(Credentials("AKID", "secret", token), "dynamodb", "eu-west-1")
        signature = reference(auth, AWSRequest("POST", f"https://{host}/", data=body), ours)
        assert ours["authorization"].endswith(f"Signature={signature}")
        assert ours.get("x-amz-security-token") == token
        assert (ours["host"], ours["x-amz-target"]) == (host, action)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["original/cat/1.jpg", "derived/猫 é/a~b+c(1)=%2F&.webp"])
def test_a_signed_get_is_the_one_that_botocore_makes(name: str, host: str, token: str | None) -> None:
    path = quote(f"/bucket/{name}")
    signer = Signer("s3", "eu-west-1", host)
    ours = signer.headers(Key("AKID", "secret", token), "GET", path, (("x-amz-content-sha256", EMPTY),), EMPTY)
    auth = S3SigV4Auth(Credentials("AKID", "secret", token), "s3", "eu-west-1")
    signature = reference(auth, AWSRequest("GET", f"https://{host}{path}"), ours)
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_another_key_signs_from_then_on() -> None:
    signer = Signer("dynamodb", "eu-west-1", "host")
    signed = [signer.headers(Key(id, id, id), "POST", "/", (), EMPTY) for id in ("A", "B", "A")]
    for id, headers in zip("ABA", signed, strict=True):
        assert f"Credential={id}/" in headers["authorization"]
        assert headers["x-amz-security-token"] == id
    assert signed[0]["authorization"].rpartition("=")[2] != signed[1]["authorization"].rpartition("=")[2]


def test_another_second_and_another_day_change_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 86_399.5
        gmtime, strftime = staticmethod(sigv4.time.gmtime), staticmethod(sigv4.time.strftime)

        def time(self) -> float:
            return self.now

    monkeypatch.setattr(sigv4, "time", clock := Clock())
    signer, key = Signer("s3", "eu-west-1", "host"), Key("AKID", "secret")
    for now, date in ((86_398.5, "19700101T235958Z"), (86_399.5, "19700101T235959Z"), (86_400.5, "19700102T000000Z")):
        clock.now = now
        ours = signer.headers(key, "GET", "/", (), EMPTY)
        assert ours["x-amz-date"] == date
        assert f"Credential=AKID/{date[:8]}/eu-west-1/s3/aws4_request," in ours["authorization"]
        auth = SigV4Auth(Credentials("AKID", "secret"), "s3", "eu-west-1")
        signature = reference(auth, AWSRequest("GET", "https://host/"), ours)
        assert ours["authorization"].endswith(f"Signature={signature}")


def test_secrets_are_not_in_representations() -> None:
    shown = repr(Key("AKID", "S3CRET", "T0KEN"))
    assert "AKID" in shown
    assert "S3CRET" not in shown
    assert "T0KEN" not in shown
