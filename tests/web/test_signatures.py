"""Signed URLs over HTTP: what they allow, what is refused and how, and who may cache the responses."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pymager.variants.signatures import Keyring
from tests.web.served import PASSWORD, USER, WRITER, Response, Served, serving

KEY, OLD_KEY = bytes(range(32)), bytes(range(100, 140))
KEYS = f"{KEY.hex()},{base64.urlsafe_b64encode(OLD_KEY).decode()}"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
CACHE_CONTROL = "public, max-age=300, s-maxage=600, stale-while-revalidate=60, stale-if-error=3600"
SIZE = "80x60"
_SETTINGS = {"signing_keys": KEYS, "sizes": SIZE, "presets": "card:40x30,q=50", "cache_control": CACHE_CONTROL}


@pytest.fixture(scope="module")
def optional(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("optional"), **_SETTINGS) as it:
        yield it


@pytest.fixture(scope="module")
def required(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("required")
    with serving(folder, signatures="required", **_SETTINGS) as it:
        yield it


@pytest.fixture(scope="module")
def picture(optional: Served, photo: bytes) -> str:
    return optional.upload(photo)


@pytest.fixture(scope="module")
def private(required: Served, photo: bytes) -> str:
    return required.upload(photo)


def signed(target: str, seconds: float | None = None, key: bytes = KEY) -> str:
    if seconds is not None:
        target += f"{'&' if '?' in target else '?'}exp={int(time.time() + seconds)}"
    return Keyring([key]).sign(target)


def paths(id: str) -> list[str]:
    return [f"/derived/{id}-{SIZE}.jpg", f"/original/{id}", f"/info/{id}"]


def ages(response: Response) -> dict[str, int]:
    return {name: int(seconds) for name, seconds in re.findall(r"([a-z-]+)=([0-9]+)", response["Cache-Control"])}


def assert_refused(response: Response, status: int, said: str) -> None:
    assert response.status == status, response.body
    assert response["Cache-Control"] == "no-store"
    if response.body:  # HEAD has none
        assert said in response.json["detail"]


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_signed_url_is_served_and_so_is_an_unsigned_one_while_signatures_are_optional(
    optional: Served, picture: str, kind: int, method: str
) -> None:
    path = paths(picture)[kind]
    for url in (path, signed(path), signed(f"{path}?v=1&&v="), signed(path, 60), signed(path, key=OLD_KEY)):
        assert optional.request(method, url).status == 200, url


@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_signature_that_is_malformed_wrong_or_expired_is_a_403(
    optional: Served, required: Served, picture: str, private: str, mode: str, kind: int, method: str
) -> None:
    served, id = (optional, picture) if mode == "optional" else (required, private)
    path, other = paths(id)[kind], paths(id)[(kind + 1) % 3]
    signature = signed(path).rpartition("sig=")[2]
    for url, said in (
        (f"{path}?sig=", "The signature is malformed"),
        (f"{path}?sig=short", "The signature is malformed"),
        (f"{path}?sig={signature}=", "The signature is malformed"),
        (f"{path}?sig={signature[:-1]}{'A' if signature[-1] != 'A' else 'E'}", "The signature is wrong"),
        (f"{path}?v=1&sig={signature}", "The signature is wrong"),
        (f"{other}?sig={signature}", "The signature is wrong"),
        (signed(path, key=b"x" * 32), "The signature is wrong"),
        (signed(f"{path}?exp=soon"), "'exp' must be a time in whole seconds since 1970, got 'soon'"),
        (signed(path, -1), "The signature expired at 20"),
    ):
        assert_refused(served.request(method, url, WRITER), 403, said)


@pytest.mark.parametrize("kind", range(3))
def test_a_signature_in_the_wrong_place_is_a_400(optional: Served, picture: str, kind: int) -> None:
    path = paths(picture)[kind]
    for query, said in (
        ("sig=a&sig=b", "'sig' must be the last parameter"),
        ("sig=a&v=1", "'sig' must be the last parameter"),
        ("exp=1&exp=1&sig=a", "The parameter 'exp' is repeated"),
        ("exp=1", "'exp' is only allowed in a signed URL"),
        ("s%69g=a", "must not be percent-encoded"),
    ):
        assert_refused(optional.get(f"{path}?{query}"), 400, said)


@pytest.mark.parametrize("changes", [{}, {"signing_keys": KEYS, "signatures": "off"}], ids=["no keys", "off"])
def test_a_signature_is_a_400_while_signatures_are_off(folder: Path, photo: bytes, changes: dict[str, str]) -> None:
    with serving(folder, **changes) as served:
        for path in paths(served.upload(photo)):
            assert served.get(path).status == 200
            for url in (signed(path), signed(path, 60), f"{path}?sig=a"):
                assert_refused(served.get(url), 400, "because signed URLs are off")


def test_everything_is_checked_before_anything_is_looked_up(required: Served, optional: Served) -> None:
    for path in paths("nobody"):
        assert required.get(path).status == 403
        assert required.get(f"{path}?sig=a").status == 403
        assert required.get(signed(path)).status == 404
        assert optional.get(f"{path}?sig=a").status == 403


def test_errors_in_the_url_come_before_the_signature_and_the_signature_before_the_policy(
    optional: Served, required: Served
) -> None:
    for served in (optional, required):
        assert_refused(served.get("/derived/a-80x60.doc?sig=a"), 400, "is not an output format")
        assert_refused(served.get("/original/a%20b?sig=a"), 400, "The id contains the character")
        assert_refused(served.get("/info/a%20b?sig=a"), 400, "The id contains the character")
        assert_refused(served.get("/derived/a-1x1.jpg?sig=a"), 403, "The signature is malformed")
    assert_refused(required.get("/derived/a-1x1.jpg"), 403, "the URL needs a signature")


def test_a_signed_url_may_request_any_variant_within_the_hard_limits(
    optional: Served, required: Served, picture: str, private: str
) -> None:
    path = f"/derived/{picture}-33x44.webp"
    assert_refused(optional.get(path), 403, "Size 33x44 is not allowed")
    for url in (signed(path), signed(path, 60), signed(f"{path}?v=1", key=OLD_KEY)):
        assert optional.get(url).status == 200
    assert_refused(optional.get(path), 403, "Size 33x44 is not allowed")
    path = f"/derived/{private}-33x44.webp"
    assert required.get(signed(path)).status == required.request("GET", path, WRITER).status == 200
    for too_large in ("4097x1.jpg", "1x4097.png", "4000x4000.bmp"):
        for served, id in ((optional, picture), (required, private)):
            assert_refused(served.get(signed(f"/derived/{id}-{too_large}")), 403, "too large")
    assert_refused(required.request("GET", f"/derived/{private}-4097x1.jpg", WRITER), 403, "too large")


@pytest.mark.parametrize("credentials", [WRITER, BASIC], ids=["bearer", "basic"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_credentials_are_as_good_as_a_signature_for_a_variant(
    optional: Served, picture: str, method: str, credentials: dict[str, str]
) -> None:
    for path in (f"/derived/{picture}-34x44.webp", f"/derived/{picture}-x44.jpg?q=34&blur=2"):
        assert_refused(optional.request(method, path), 403, "is not allowed")
        response = optional.request(method, path, credentials)
        assert response.status == 200
        assert response["Cache-Control"].startswith("private, ")
        assert "public" not in response["Cache-Control"]
        assert "s-maxage" not in response["Cache-Control"]
        assert_refused(optional.request(method, path), 403, "is not allowed")
    for too_large in ("4097x1.jpg", "4000x4000.bmp"):
        assert_refused(optional.request(method, f"/derived/{picture}-{too_large}", credentials), 403, "too large")


@pytest.mark.parametrize("credentials", ["Bearer wrong", "Basic eDp5", "Basic !", "Digest x"])
def test_wrong_credentials_are_a_401_only_where_credentials_would_help(
    optional: Served, picture: str, credentials: str
) -> None:
    headers = {"Authorization": credentials}
    for path in (
        f"/derived/{picture}-35x44.webp",
        f"/derived/{picture}-{SIZE}.webp?q=33",
        "/derived/nothing-35x44.jpg",
    ):
        response = optional.request("GET", path, headers)
        assert response.status == 401
        assert response["Cache-Control"] == "no-store"
    public = optional.request("GET", f"/derived/{picture}-{SIZE}.webp", headers)
    assert (public.status, public["Cache-Control"]) == (200, CACHE_CONTROL)
    assert_refused(optional.request("GET", f"/derived/{picture}-4097x1.jpg?sig=x", headers), 403, "malformed")


def test_without_users_a_size_that_is_not_allowed_stays_a_403(tmp_path: Path, log: list[dict[str, Any]]) -> None:
    with serving(tmp_path, sizes=SIZE, users={}, tokens={}) as closed:
        assert_refused(closed.request("GET", "/derived/cat-33x44.jpg", BASIC), 403, "Size 33x44 is not allowed")


def test_credentials_allow_any_variant_also_where_signatures_are_off(
    tmp_path: Path, photo: bytes, log: list[dict[str, Any]]
) -> None:
    with serving(tmp_path, sizes=SIZE) as plain:
        id = plain.upload(photo)
        assert plain.request("GET", f"/derived/{id}-33x44.jpg", BASIC).status == 200
        assert plain.get(f"/derived/{id}-33x44.jpg").status == 403


def test_a_signed_url_may_use_any_option_and_is_the_same_picture_however_it_is_spelled(
    optional: Served, picture: str
) -> None:
    path = f"/derived/{picture}-50x.jpg"
    response = optional.get(f"{path}?q=33&gravity=0.25,0.5")
    assert_refused(response, 403, "The option q is not allowed")
    assert "; a signature or a preset would allow it" in response.json["detail"]
    queries = ("q=33&enlarge=true", "enlarge=TRUE&&q=033", "v=7&q=33&enlarge=true", "exp=4102444800&enlarge=true&q=33")
    responses = [optional.get(signed(f"{path}?{query}")) for query in queries]
    assert {response.status for response in responses} == {200}
    assert len({response["ETag"] for response in responses}) == 1
    (file,) = [file for file in optional.files_of(picture) if "q-33" in file.name]
    assert "sig" not in file.name


def test_errors_of_options_come_first_and_a_refused_option_last(
    optional: Served, required: Served, picture: str
) -> None:
    path = f"/derived/{picture}-{SIZE}.jpg"
    for served in (optional, required):
        for query, said in (
            ("q=500", "The option q takes"),
            ("width=5", "'width' is not an option"),
            ("q=5&q=6", "The option q is given"),
        ):
            assert_refused(served.get(f"{path}?{query}&sig=a"), 400, said)
            assert_refused(served.get(signed(f"{path}?{query}")), 400, said)
        assert_refused(served.get(f"{path}?q=33&sig=a"), 403, "The signature is malformed")
    assert_refused(optional.get(f"{path}?q=33"), 403, "The option q is not allowed")
    assert_refused(required.get(f"{path}?q=33"), 403, "the URL needs a signature")


def test_presets_can_be_signed_and_which_exist_is_private(required: Served, optional: Served, private: str) -> None:
    for url in (f"/derived/{private}@card.webp", f"/derived/{private}@nothing.webp"):
        assert_refused(required.get(url), 403, "the URL needs a signature")
        assert_refused(required.get(f"{url}?sig={'a' * 43}"), 403, "The signature is wrong")
    assert_refused(required.get(signed(f"/derived/{private}@nothing.webp")), 404, "There is no preset 'nothing'")
    for url in (f"/derived/{private}@card.webp", f"/derived/{private}@card.webp?dpr=2"):
        assert required.get(signed(url)).status == required.request("GET", url, WRITER).status == 200
    assert optional.get("/derived/nobody@nothing.webp").status == 404
    assert_refused(optional.get(f"/derived/{private}@card.webp?sig=a"), 403, "The signature is malformed")


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_where_signatures_are_required_a_read_needs_one_or_credentials(
    required: Served, private: str, kind: int, method: str
) -> None:
    path = paths(private)[kind]
    for url in (path, f"{path}?v=1", f"{path}?"):
        assert_refused(
            required.request(method, url), 403, "the URL needs a signature, or the request needs credentials"
        )
        for headers in (WRITER, BASIC):
            assert required.request(method, url, headers).status == 200
        for wrong in ("Bearer wrong", "Basic YTpi", "Basic ?", "Digest x"):
            response = required.request(method, url, {"Authorization": wrong})
            assert_refused(response, 401, "")
            assert "Basic" in response["WWW-Authenticate"]
    for url in (signed(path), signed(path, 60), signed(f"{path}?v=1", key=OLD_KEY)):
        assert required.request(method, url).status == 200
        assert required.request(method, url, {"Authorization": "Bearer wrong"}).status == 200


def test_a_plain_url_on_a_connection_that_stays_open_is_private_too(required: Served, private: str) -> None:
    """Such requests take the hot path while signatures are not required."""
    path = paths(private)[0]
    assert required.get(signed(path)).status == 200
    connection = required.connected()
    for url in (path, path, f"{path}?v=1", f"{path}?fit=inside"):
        connection.request("GET", url)
        response = connection.getresponse()
        assert (response.status, b"needs a signature" in response.read()) == (403, True)
    connection.close()


def test_without_users_and_tokens_only_signed_urls_are_served(folder: Path, photo: bytes) -> None:
    with serving(folder) as served:
        id = served.upload(photo)
    with serving(folder, signing_keys=KEYS, signatures="required", users={}, tokens={}) as served:
        for path in paths(id):
            assert served.get(signed(path)).status == 200
            assert_refused(served.request("GET", path, WRITER), 403, "the URL needs a signature")


def test_listing_probes_options_and_writes_are_as_before(required: Served, photo: bytes) -> None:
    assert required.get("/original").status == 401
    assert required.get(signed("/original")).status == 401
    assert required.request("GET", "/original", WRITER).status == 200
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert required.get(path).status == 200
    for path in paths("cat"):
        assert required.request("OPTIONS", path).status == 204
    id = required.upload(photo)
    assert required.request("DELETE", signed(f"/original/{id}")).status == 401
    assert required.request("PUT", signed(f"/original/{id}"), body=photo).status == 401
    assert required.delete(id).status == 204
    assert required.get(signed(f"/original/{id}")).status == 404


@pytest.mark.parametrize("kind", range(3))
def test_a_response_is_cached_no_longer_than_its_url_is_signed_for(optional: Served, picture: str, kind: int) -> None:
    path = paths(picture)[kind]
    url = signed(path, 100)
    first = optional.get(url)
    unchanged = optional.get(url, If_None_Match=first["ETag"])
    assert (first.status, unchanged.status) == (200, 304)
    responses = [first, unchanged, optional.head(url)]
    if kind == 1:
        responses.append(optional.get(url, Range="bytes=0-9"))
        assert responses[-1].status == 206
    for response in responses:
        found = ages(response)
        assert 0 < found["max-age"] <= 100
        assert found["s-maxage"] + max(found["stale-while-revalidate"], found["stale-if-error"]) <= 100
        assert response["Cache-Control"].startswith("public, ")
        assert response.headers["Expires"] is None
    assert optional.get(signed(path, 86_400))["Cache-Control"] == CACHE_CONTROL
    assert optional.get(signed(path))["Cache-Control"] == CACHE_CONTROL
    assert optional.get(path)["Cache-Control"] == CACHE_CONTROL
    assert optional.request("GET", path, WRITER)["Cache-Control"] == CACHE_CONTROL


@pytest.mark.parametrize("kind", range(3))
def test_private_pictures_are_not_for_shared_caches(required: Served, private: str, kind: int) -> None:
    path = paths(private)[kind]
    own = "private, max-age=300, stale-while-revalidate=60, stale-if-error=3600"
    for url, headers in ((path, WRITER), (path, BASIC), (signed(path), {})):
        response = required.request("GET", url, headers)
        assert response["Cache-Control"] == own
        unchanged = required.request("GET", url, {**headers, "If-None-Match": response["ETag"]})
        assert (unchanged.status, unchanged["Cache-Control"]) == (304, own)
    found = ages(required.get(signed(path, 100)))
    assert found["s-maxage"] + max(found["stale-while-revalidate"], found["stale-if-error"]) <= 100


def test_a_shared_cache_that_keys_on_the_query_may_store_what_is_signed_for_ever(folder: Path, photo: bytes) -> None:
    with serving(
        folder, signing_keys=KEYS, signatures="required", cdn_keys_on_query=True, cache_control=CACHE_CONTROL
    ) as served:
        for path in paths(served.upload(photo)):
            assert served.get(signed(path))["Cache-Control"] == CACHE_CONTROL
            assert served.request("GET", path, WRITER)["Cache-Control"].startswith("private, max-age=300")


def test_a_key_that_is_removed_makes_its_signatures_invalid(folder: Path, photo: bytes) -> None:
    with serving(folder, signing_keys=OLD_KEY.hex()) as served:
        path = paths(served.upload(photo))[0]
        assert served.get(signed(path, key=OLD_KEY)).status == 200
        assert served.get(signed(path)).status == 403
    with serving(folder, signing_keys=KEYS) as served:
        assert served.get(signed(path, key=OLD_KEY)).status == served.get(signed(path)).status == 200
    with serving(folder, signing_keys=KEY.hex()) as served:
        assert served.get(signed(path, key=OLD_KEY)).status == 403
        assert served.get(signed(path)).status == 200


def test_ids_of_every_script_can_be_signed_as_they_are_spelled(required: Served, photo: bytes) -> None:
    assert required.request("PUT", "/original/caf%C3%A9", WRITER, photo).status == 201
    for spelling in ("caf%C3%A9", "caf%c3%a9", "cafe%CC%81", "%63af%C3%A9"):
        path = f"/derived/{spelling}-{SIZE}.jpg"
        url = signed(path)
        assert required.get(url).status == 200
        assert required.get(url.replace("%C3", "%c3").replace("%CC", "%cc")).status == (
            200 if spelling == "caf%c3%a9" else 403
        )


def test_the_absolute_form_of_a_signed_url_is_served(required: Served, private: str) -> None:
    for path in paths(private):
        assert required.raw_get(f"http://img.example.org{signed(path)}".encode()).status == 200
        assert required.raw_get(f"http://img.example.org{path}".encode()).status == 403


def test_a_deleted_picture_is_gone_for_signed_urls_too(required: Served, photo: bytes) -> None:
    id = required.upload(photo)
    urls = [signed(path) for path in paths(id)]
    assert {required.get(url).status for url in urls} == {200}
    assert required.delete(id).status == 204
    assert {required.get(url).status for url in urls} == {404}
