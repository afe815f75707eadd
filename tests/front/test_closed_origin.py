"""The origin of examples/cdn answers the CDN and nobody else; what CloudFront is told has the shape of its API."""

import datetime
import json
import os
import secrets
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import botocore.session
import pytest
import pytest_asyncio
from botocore.validate import ParamValidator
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pymager.variants.negotiation import accepted
from pymager.variants.options import BY_NAME
from pymager.variants.signatures import EXPIRY, SIGNATURE
from tests.accept_headers import ALL, ODD
from tests.live.client import Client
from tests.live.program import Program, running, until
from tests.pictures import jpeg
from tests.servers import Missing
from tests.servers.front import ClosedNginx

_CDN = Path(__file__).parents[2] / "examples" / "cdn"
_NOW, _BEFORE = secrets.token_hex(16), secrets.token_hex(16)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    async with running(tmp_path_factory.mktemp("closed"), trusted_proxies="127.0.0.1") as program:
        async with Client(program.url) as inside:
            assert (await inside.post("cat", jpeg(64, 48))).status == 201
        yield program


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The origin's certificate and the CDN's, each its own authority, and one of nobody's."""
    try:
        ClosedNginx.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("origin", "cdn", "stranger"):
        _certify(folder, name)
    return folder


def _certify(folder: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("origin.img.example.org")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(*form))


async def request(front: ClosedNginx, certificates: Path, path: str, shown: str = "", **options: object) -> int:
    """The status of one request over TLS; with `shown`, the client shows this certificate."""
    context = ssl.create_default_context(cafile=certificates / "origin.pem")
    if shown:
        context.load_cert_chain(certificates / f"{shown}.pem", certificates / f"{shown}.key")
    method = str(options.pop("method", "GET"))
    url = f"https://127.0.0.1:{front.port}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, ssl=context, server_hostname="origin.img.example.org", **options) as answer,  # type: ignore[arg-type]
    ):
        await answer.read()
        return answer.status


@pytest.mark.live
@pytest.mark.asyncio(loop_scope="module")
async def test_who_has_the_secret_is_answered_and_nobody_else(origin: Program, certificates: Path) -> None:
    changes = {"THE-SECRET-OF-NOW": _NOW, "THE-SECRET-BEFORE": _BEFORE}
    with ClosedNginx(origin.port, certificates, "cdn/origin-secret.conf", changes) as front:
        for secret in (_NOW, _BEFORE, "", _NOW[:-1], f"{_NOW}0", "default", secrets.token_hex(16)):
            status = await request(front, certificates, "/info/cat", headers={"X-Origin-Secret": secret})
            assert status == (200 if secret in (_NOW, _BEFORE) else 403), secret
        assert await request(front, certificates, "/info/cat") == 403
        cdn = {"X-Origin-Secret": _NOW}
        assert await request(front, certificates, "/healthz", headers=cdn) == 404
        assert await request(front, certificates, "/original?limit=1", headers=cdn) == 404
        for method in ("POST", "PUT", "DELETE"):
            assert await request(front, certificates, "/original/cat", method=method, headers=cdn) == 403
        seen = cdn | {"X-Forwarded-For": "192.0.2.7, 198.51.100.9"}  # the CDN wrote the last one
        assert await request(front, certificates, "/info/seen", headers=seen) == 404
    (line,) = await until(
        lambda: [line for line in origin.logged("request") if line["path"] == "/info/seen"], "the line of the log"
    )
    assert line["client"] == "198.51.100.9"


@pytest.mark.live
@pytest.mark.asyncio(loop_scope="module")
async def test_who_shows_the_certificate_is_answered_and_nobody_else(origin: Program, certificates: Path) -> None:
    changes = {"/etc/nginx/cdn-ca.pem": str(certificates / "cdn.pem")}
    with ClosedNginx(origin.port, certificates, "cdn/origin-certificate.conf", changes) as front:
        assert await request(front, certificates, "/info/cat", shown="cdn") == 200
        assert await request(front, certificates, "/info/cat") == 403
        assert await request(front, certificates, "/info/cat", shown="stranger") == 400


@pytest.mark.parametrize("more", ["", "signed-urls.json", "variants.json"])
def test_the_distribution_has_the_shape_of_cloudfronts_api(more: str) -> None:
    config = json.loads((_CDN / "cloudfront.json").read_text())
    if more == "signed-urls.json":
        config["DefaultCacheBehavior"] |= json.loads((_CDN / more).read_text())
    elif more:
        config |= json.loads((_CDN / more).read_text())
    check_shape(config, "DistributionConfig")


@pytest.mark.parametrize("name", ["auto-cache-policy.json", "variants-cache-policy.json"])
def test_the_cache_policies_have_the_shape_of_cloudfronts_api_and_every_option(name: str) -> None:
    config = json.loads((_CDN / name).read_text())
    check_shape(config, "CachePolicyConfig")
    query = config["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]["QueryStrings"]
    assert query["Items"] == [*BY_NAME, EXPIRY, SIGNATURE]


def test_the_function_of_cloudfront_reduces_accept_to_three_by_the_servers_rule() -> None:
    if (node := shutil.which("node")) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs node")
    short = [accept for accept in ALL if sum(map(len, accept.lines)) <= 1_024]
    requests = [
        {"headers": {"accept": {"value": accept.lines[0], "multiValue": [{"value": line} for line in accept.lines]}}}
        if accept.lines
        else {"headers": {}}
        for accept in short
    ]
    program = (_CDN / "auto-function.js").read_text() + (
        f"const requests = {json.dumps(requests)};\n"
        "console.log(JSON.stringify(requests.map((request) => handler({request}).headers.accept.value)))"
    )
    done = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)
    reduced = dict(zip(short, json.loads(done.stdout), strict=True))
    assert set(reduced.values()) == {"image/avif,image/webp", "image/webp", "*/*"}
    for accept, value in reduced.items():
        simpler = accept in ODD or any('"' in line for line in accept.lines)
        expected = accept.takes - {"jxl"} if "webp" in accept.takes else frozenset()
        assert accepted(value) in ((expected, frozenset()) if simpler else (expected,)), accept


def check_shape(config: dict[str, object], name: str) -> None:
    """Compare a file with CloudFront's API, and every number of items with the items."""
    shape = botocore.session.get_session().get_service_model("cloudfront").shape_for(name)
    assert ParamValidator().validate(config, shape).generate_report() == ""
    lists = [part for part in _parts(config) if "Quantity" in part]
    assert lists
    assert all(part["Quantity"] == len(part["Items"]) for part in lists)  # type: ignore[arg-type]


def _parts(config: object) -> list[dict[str, object]]:
    if isinstance(config, list):
        return [part for each in config for part in _parts(each)]
    return [config, *_parts(list(config.values()))] if isinstance(config, dict) else []
