"""The purgers of pymager: the published contract, and their requests field by field against the documented APIs."""

import hmac
import re
import time
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from pymager.errors import ConfigurationError, PurgeFailed
from pymager.ports import Purger
from pymager.registry import load_purger
from pymager.testing.purgers import Call, Edge, PurgerContract, Reply, a_target
from pymager_purgers.webhook import signature

TOKEN = "a-token-of-the-tests"
SECRET = "a-secret-of-the-tests-with-many-characters"


def fields(call: Call, *left_out: str) -> dict[str, str]:
    """The headers without those that every request has."""
    return {
        name: value
        for name, value in call.headers.items()
        if name not in ("host", "user-agent", "accept", "content-length", *left_out)
    }


class TestVarnishXkey(PurgerContract):
    secret = TOKEN

    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"varnish://127.0.0.1:{edge.port}?timeout=0.5&token={TOKEN}")

    def confirmation(self) -> Reply:
        return Reply(200, b"2 objects forgotten")

    async def test_the_request(self, edge: Edge, purger: Purger) -> None:
        cat, dog = a_target("cat"), a_target("dog")
        await purger.purge([cat, dog])
        (call,) = edge.calls
        assert (call.method, call.path, call.body) == ("PURGE", "/", b"")
        assert fields(call) == {"xkey": f"{cat.tag} {dog.tag}", "authorization": f"Bearer {TOKEN}"}
        assert purger.name == f"varnish://127.0.0.1:{edge.port}"


class TestVarnishBan(PurgerContract):
    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"varnish://127.0.0.1:{edge.port}?method=ban&timeout=0.5")

    def confirmation(self) -> Reply:
        return Reply(200)

    async def test_the_request(self, edge: Edge, purger: Purger) -> None:
        cat, dog = a_target("cat"), a_target("dog")
        await purger.purge([cat, dog])
        (call,) = edge.calls
        assert (call.method, call.path, call.body) == ("BAN", "/", b"")
        assert fields(call) == {"x-ban-tags": f"({cat.tag}|{dog.tag})"}


class TestFastly(PurgerContract):
    secret = TOKEN

    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"fastly:SU1Z0isxPaozGVKXdv0eY?token={TOKEN}&timeout=0.5&api={edge.origin}")

    def confirmation(self) -> Reply:
        return Reply(200, b'{"pmo-1": "108-1391560174-974124"}')

    async def test_the_request(self, edge: Edge, purger: Purger) -> None:
        cat, dog = a_target("cat"), a_target("dog")
        await purger.purge([cat, dog])
        (call,) = edge.calls
        assert (call.method, call.path) == ("POST", "/service/SU1Z0isxPaozGVKXdv0eY/purge")
        assert call.headers["accept"] == "application/json"
        assert fields(call) == {"fastly-key": TOKEN, "content-type": "application/json"}
        assert orjson.loads(call.body) == {"surrogate_keys": [cat.tag, dog.tag]}
        assert purger.max_batch == 256


class TestCloudflare(PurgerContract):
    secret = TOKEN

    def make_purger(self, edge: Edge) -> Purger:
        zone = "023e105f4ecef8ad9ca31a8372d0c353"
        return load_purger(f"cloudflare:{zone}?token={TOKEN}&timeout=0.5&api={edge.origin}/client/v4")

    def confirmation(self) -> Reply:
        return Reply(200, b'{"success": true, "errors": [], "messages": [], "result": {"id": "a"}}')

    async def test_the_request(self, edge: Edge, purger: Purger) -> None:
        cat, dog = a_target("cat"), a_target("dog")
        await purger.purge([cat, dog])
        (call,) = edge.calls
        assert (call.method, call.path) == ("POST", "/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache")
        assert fields(call) == {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        assert orjson.loads(call.body) == {"tags": [cat.tag, dog.tag]}
        assert purger.max_batch == 100

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"success": "true"}', b'{"success": false, "errors": [1]}', b"{"])
    async def test_only_success_is_a_confirmation(self, edge: Edge, purger: Purger, body: bytes) -> None:
        async def answer(call: Call) -> Reply:
            return Reply(200, body)

        edge.answer = answer
        with pytest.raises(PurgeFailed):
            await purger.purge([a_target()])


class TestCloudFrontByTags(PurgerContract):
    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"cloudfront:EDFDVBD6EXAMPLE?timeout=0.5&endpoint={edge.origin}")

    def confirmation(self) -> Reply:
        return Reply(201, b"<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>")

    async def test_the_request(self, edge: Edge, purger: Purger) -> None:
        cat, dog = a_target("cat"), a_target("dog")
        await purger.purge([cat, dog])
        assert items(edge.calls[0]) == [f"#{cat.tag}", f"#{dog.tag}"]

    async def test_an_exhausted_limit_is_waited_for(self, edge: Edge, purger: Purger) -> None:
        async def answer(call: Call) -> Reply:
            error = "<Error><Type>Sender</Type><Code>TooManyInvalidationsInProgress</Code></Error>"
            return Reply(400, f"<ErrorResponse>{error}</ErrorResponse>".encode())

        edge.answer = answer
        with pytest.raises(PurgeFailed) as raised:
            await purger.purge([a_target()])
        assert (raised.value.is_refused, raised.value.retry_after) == (False, 10)


class TestCloudFrontByPaths(PurgerContract):
    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"cloudfront:EDFDVBD6EXAMPLE?by=paths&timeout=0.5&endpoint={edge.origin}")

    def confirmation(self) -> Reply:
        return Reply(201)

    async def test_the_request_and_its_signature(self, edge: Edge, purger: Purger) -> None:
        target = a_target("a&b")  # an id cannot be so
        await purger.purge([target])
        await purger.purge([target])
        first, second = edge.calls
        assert (first.method, first.path) == ("POST", "/2020-05-31/distribution/EDFDVBD6EXAMPLE/invalidation")
        assert first.headers["content-type"] == "text/xml"
        assert items(first) == list(target.paths)
        assert reference(first) != reference(second)
        assert first.headers["authorization"] == self._signed_by_botocore(first, edge)

    def _signed_by_botocore(self, call: Call, edge: Edge) -> str:
        """The Authorization header that AWS's own code makes of this request."""
        headers = {"host": f"127.0.0.1:{edge.port}", "content-type": call.headers["content-type"]}
        request = AWSRequest("POST", f"{edge.origin}{call.path}", headers=headers, data=call.body)
        request.context["timestamp"] = call.headers["x-amz-date"]
        request.headers["X-Amz-Date"] = call.headers["x-amz-date"]
        auth = SigV4Auth(Credentials("pymagertests", "not-a-secret-of-anyone"), "cloudfront", "us-east-1")
        signed = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        pattern = r"Credential=pymagertests/\d{8}/us-east-1/cloudfront/aws4_request,SignedHeaders=([a-z;-]+),"
        match = re.search(pattern, call.headers["authorization"])
        assert match is not None
        return f"AWS4-HMAC-SHA256 {match[0]}Signature={signed}"


class TestWebhook(PurgerContract):
    secret = SECRET

    def make_purger(self, edge: Edge) -> Purger:
        return load_purger(f"webhook+http://127.0.0.1:{edge.port}/purge?site=1#secret={SECRET}&timeout=0.5")

    def confirmation(self) -> Reply:
        return Reply(202)

    async def test_the_request_and_its_signature(self, edge: Edge, purger: Purger) -> None:
        cat = a_target("cat")
        before = int(time.time())
        await purger.purge([cat])
        (call,) = edge.calls
        assert (call.method, call.path) == ("POST", "/purge?site=1")
        assert orjson.loads(call.body) == {
            "purges": [{"id": "cat", "revision": cat.revision, "tag": cat.tag, "paths": list(cat.paths)}]
        }
        sent = call.headers["x-pymager-timestamp"]
        assert before <= int(sent) <= time.time()
        expected = hmac.new(SECRET.encode(), f"{sent}.".encode() + call.body, sha256).hexdigest()
        assert call.headers["x-pymager-signature"] == f"sha256={expected}"
        assert "purge" not in purger.name


def test_the_signature_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/purgers.md").read_text("utf-8")
    found = re.search(r"secret: `(.+)`\n- timestamp: `(\d+)`\n- body: `(.+)`\n- `X-Pymager-Signature`: `(.+)`", page)
    assert found is not None
    secret, timestamp, body, expected = found.groups()
    assert signature(secret.encode(), timestamp, body.encode()) == expected


def items(call: Call) -> list[str]:
    """The paths of an invalidation, whose document is as the API reference says."""
    namespace = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
    root = ElementTree.fromstring(call.body)
    assert root.tag == f"{namespace}InvalidationBatch"
    assert [child.tag for child in root] == [f"{namespace}CallerReference", f"{namespace}Paths"]
    found = [path.text or "" for path in root.iter(f"{namespace}Path")]
    assert root.findtext(f"{namespace}Paths/{namespace}Quantity") == str(len(found))
    return found


def reference(call: Call) -> str | None:
    return ElementTree.fromstring(call.body).findtext(
        "{http://cloudfront.amazonaws.com/doc/2020-05-31/}CallerReference"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("varnish:", "must be written varnish://HOST:PORT"),
        ("varnish://host", "must be written varnish://HOST:PORT"),
        ("varnish://host:70000", "must be written varnish://HOST:PORT"),
        ("varnish://user:hidden@host:80", "must be written varnish://HOST:PORT"),
        ("varnish://host:80/path", "must be written varnish://HOST:PORT"),
        ("varnish://host:80?method=soft", "method of varnish: must be xkey or ban, got 'soft'"),
        ("varnish://host:80?hidden", "must be name=value"),
        ("varnish://host:80?tokn=hidden", "unknown option 'tokn'"),
        ("varnish://host:80?timeout=0", "above 0, up to 60"),
        ("fastly:?token=hidden", "must be written fastly:SERVICE"),
        ("fastly:a/b?token=hidden", "must be written fastly:SERVICE"),
        ("fastly:a", "must have the option token or token-file"),
        ("fastly:a?token=hidden&token=hidden", "only once"),
        ("fastly:a?token=hidden&token-file=/x", "only one of"),
        ("fastly:a?token=hidden%0a", "printable characters"),
        ("fastly:a?token=hidden&api=ftp://x", "api of fastly: must be a URL such as https://api.example.org"),
        ("fastly:a?token=hidden&api=http://u:hidden@x", "api of fastly: must be a URL such as https://api.example.org"),
        ("cloudflare:a?token-file=/absent/file", "token-file of cloudflare: cannot read /absent/file"),
        ("cloudfront:E1?by=hosts", "by of cloudfront: must be tags or paths"),
        ("webhook+https://host/", "must have the option secret or secret-file"),
        ("webhook+https://host/#secret=hidden", "at least 32 printable characters"),
        (f"webhook+https://u:hidden@host/#secret={SECRET}", "must be written webhook+https"),
        (f"webhook+https:///x#secret={SECRET}", "must be written webhook+https"),
    ],
)
def test_a_wrong_url_is_refused_and_its_secrets_are_not_shown(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_purger(url)
    assert said in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_a_secret_can_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f" {TOKEN}\n")
    assert load_purger(f"fastly:a?token-file={tmp_path}/token").name == "fastly:a"
