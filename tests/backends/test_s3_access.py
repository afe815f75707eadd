"""Credentials, policies and certificates."""

import asyncio
import ipaddress
import json
import logging
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pymager.errors import ConfigurationError, Unavailable
from pymager.testing.blobs_contents import read
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import new_bucket, session_of
from tests.backends.s3_front import Front
from tests.servers import Minio

KEY = "original/cat/1.jpg"
LARGE = bytes(9 << 20)
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "backends.md"


@pytest.fixture
async def bucket(minio: Minio) -> str:
    return await new_bucket(minio)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without credentials; returns the path of the AWS configuration file."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path / "config"


async def _use(store: S3Blobs) -> None:
    for body in (b"cat", LARGE):
        await store.put(KEY, body, "image/jpeg")
        assert await read(store, KEY) == body
    assert [info.key async for info in store.list("")] == [KEY]
    await store.delete([KEY, "original/dog/1.jpg"])
    await store.tidy(0)
    await store.ping()


async def test_the_minimal_policy_in_the_docs_suffices(
    minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    policy: Any = json.loads(found[1].replace("BUCKET", bucket).replace("PREFIX", "pictures/"))
    for variable, value in session_of(minio, policy["Statement"]).items():
        monkeypatch.setenv(variable, value)
    async with S3Blobs(minio.url(bucket, "pictures")) as store:
        await _use(store)
    async with S3Blobs(minio.url(bucket, "elsewhere")) as store:
        with pytest.raises(Unavailable, match="AccessDenied"):
            await store.put(KEY, b"cat", "image/jpeg")


async def test_a_bucket_without_permissions_stops_the_start(
    minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in session_of(minio, [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"{bucket}.*AccessDenied.*docs/reference/backends.md"):
        async with S3Blobs(minio.url(bucket)):
            pass


async def test_without_credentials_the_error_says_where_they_were_searched(minio: Minio, no_credentials: Path) -> None:
    for call in (S3Blobs(minio.url("pictures")).__aenter__, S3Blobs(minio.url("pictures")).prepare):
        with pytest.raises(ConfigurationError, match=r"AWS_ACCESS_KEY_ID.*AWS_PROFILE.*AWS_WEB_IDENTITY_TOKEN_FILE"):
            await call()
    with pytest.raises(ConfigurationError, match=r"profile \(nobody\)"):
        await S3Blobs(minio.url("pictures", profile="nobody")).prepare()


async def test_no_secret_is_in_messages_logs_or_representations(
    minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    got = session_of(minio, [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])
    for variable, value in got.items():
        monkeypatch.setenv(variable, value)
    store = S3Blobs(minio.url(bucket))
    async with store:
        shown = repr(store) + repr(vars(store))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", wrong := "another-secret")
    for call in (store.__aenter__, store.prepare):
        with pytest.raises(ConfigurationError) as caught:
            await call()
        shown += str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    shown += caplog.text
    for secret in (got["AWS_SECRET_ACCESS_KEY"], got["AWS_SESSION_TOKEN"], wrong):
        assert secret not in shown


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pymager tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "ca.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def test_a_private_authority_is_trusted_if_the_url_names_it(minio: Minio, tmp_path: Path) -> None:
    ca, key = _certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ca, key)
    async with Front(minio.port, context) as front:
        endpoint = f"https://127.0.0.1:{front.port}"
        url = f"s3://tls-{front.port}?endpoint={endpoint}"
        assert len(await S3Blobs(f"{url}&ca={ca}").prepare()) == 1
        async with S3Blobs(f"{url}&ca={ca}") as store:
            await _use(store)
        parts = [head.lower() for head in front.heads if "partNumber" in head]
        assert len(parts) == 2
        assert all("\r\nx-amz-checksum-sha256: " in head and "trailer" not in head for head in parts)
        with pytest.raises(ConfigurationError, match="certificate is not trusted; set ca= in the URL"):
            async with S3Blobs(url):
                pass


_PROGRAM = """
import asyncio, sys
from pymager_s3 import S3Blobs

async def main(url):
    async with S3Blobs(url) as store:
        await asyncio.gather(*[store.put(f"{n}", b"cat", "image/jpeg") for n in range(20)])
        async with store.open("1") as blob:
            async for _ in blob.chunks:
                pass

asyncio.run(main(sys.argv[1]))
sys.exit(7)
"""


async def test_a_program_ends_with_its_own_exit_code(minio: Minio, bucket: str) -> None:
    for _ in range(3):
        command = [sys.executable, "-c", _PROGRAM, minio.url(bucket)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (7, b"")
