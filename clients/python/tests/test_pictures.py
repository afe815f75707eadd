"""Every call against a real server, with each client."""

import io
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from pymager_client import (
    Client,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unauthorized,
)
from tests.conftest import Connect
from tests.pictures import png, size_of
from tests.server import KEY, PASSWORD, TOKEN, USERNAME

IDS = [
    "cat",
    "a-1x1",
    "_-9",
    "café",
    "cafe\u0301",
    "猫の写真",
    "Кошка",
    "قطة",
    "می\u200cخواهم",
    "क्\u200dष",
    "𐐷",
    "é" * 100,
]


def new_id(prefix: str = "p") -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def fetched(url: str) -> httpx.Response:
    """The response to somebody without credentials."""
    return httpx.get(url, timeout=120, trust_env=False)


def test_an_upload_is_described_and_comes_back_identical(client: Client) -> None:
    data, id = png(40, 30), new_id()
    original = client.upload(data, id)
    assert (original.id, original.format, original.width, original.height) == (id, "png", 40, 30)
    assert original.size == len(data)
    assert original.created.tzinfo == timezone.utc
    assert abs(datetime.now(timezone.utc) - original.created) < timedelta(minutes=10)
    assert original.frames == 1 and original.alpha is False
    assert client.info(id) == original
    assert client.download(id) == data


def test_a_server_makes_an_id_where_none_is_given(client: Client) -> None:
    first, second = client.upload(png(4, 4)), client.upload(png(4, 4))
    assert first.id != second.id and len(first.id) == 32


@pytest.mark.parametrize("id", IDS)
def test_ids_of_every_script_have_the_url_that_the_server_uses(client: Client, id: str) -> None:
    given = client.replace(id, png(8, 6)).original
    assert client.info(id) == given
    assert fetched(client.original_url(id, sign=False)).content == png(8, 6)
    assert size_of(fetched(client.variant_url(id, 4, 3, "png")).content) == (4, 3)
    client.delete(id)
    response = httpx.post(
        client.original_url(id, sign=False),
        files={"file": png(8, 6)},
        auth=(USERNAME, PASSWORD),
        timeout=120,
        trust_env=False,
    )
    assert client.base_url + response.headers["Location"] == client.original_url(id, sign=False)
    client.delete(id)


def test_a_path_is_uploaded(client: Client, tmp_path: Path) -> None:
    path = tmp_path / 'ünusual "name".png'
    path.write_bytes(png(10, 10))
    id = new_id()
    client.upload(path, id)
    assert client.download(id) == png(10, 10)
    assert client.replace(id, str(path)).original.sha256 == client.info(id).sha256


def test_a_file_is_uploaded_from_its_position_on_and_left_open(client: Client) -> None:
    file = io.BytesIO(b"before" + png(10, 10))
    file.seek(6)
    id = new_id()
    client.upload(file, id)
    assert client.download(id) == png(10, 10)
    assert not file.closed


def test_a_pipe_is_uploaded(client: Client) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        with os.fdopen(writing, "wb") as end:
            end.write(png(10, 10))
        id = new_id()
        client.upload(pipe, id)
    assert client.download(id) == png(10, 10)


def test_an_iterable_is_uploaded(client: Client) -> None:
    def pieces() -> Iterator[bytes]:
        data = png(10, 10)
        yield from (data[:10], b"", data[10:])

    first, second = new_id(), new_id()
    client.upload(pieces(), first)
    assert client.replace(second, pieces()).created
    assert client.download(first) == client.download(second) == png(10, 10)


def test_a_large_file_comes_back_identical_in_chunks(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(1200, 1000, noise=True))
    id = new_id()
    original = client.upload(path, id)
    assert original.size == path.stat().st_size > 3_000_000
    with client.stream(id) as picture:
        assert (picture.content_type, picture.size, picture.etag) == ("image/png", original.size, original.etag)
        chunks = list(picture)
    assert b"".join(chunks) == path.read_bytes()
    assert len(chunks) > 1
    client.delete(id)


# httpx leaves its own generators open in this case, of which trio warns.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_can_be_left_early(client: Client) -> None:
    id = new_id()
    client.upload(png(1200, 1000, noise=True), id)
    with client.stream(id) as picture:
        assert next(iter(picture)).startswith(b"\x89PNG")
    client.delete(id)


def test_a_replace_says_whether_the_id_was_new(client: Client) -> None:
    id = new_id()
    first = client.replace(id, png(10, 10))
    assert first.created and first.original.width == 10
    second = client.replace(id, png(20, 10))
    assert not second.created and second.original.width == 20
    assert client.info(id) == second.original


def test_a_replace_can_be_limited_to_an_original_or_to_none(client: Client) -> None:
    id = new_id()
    first = client.replace(id, png(10, 10), only_if_new=True).original
    with pytest.raises(PreconditionFailed):
        client.replace(id, png(20, 10), only_if_new=True)
    second = client.replace(id, png(20, 10), if_match=first).original
    for stale in (first, first.etag, first.sha256):
        with pytest.raises(PreconditionFailed):
            client.replace(id, png(30, 10), if_match=stale)
        with pytest.raises(PreconditionFailed):
            client.delete(id, if_match=stale)
    assert client.replace(id, png(30, 10), if_match=second.sha256).original.width == 30
    assert client.replace(id, png(40, 10), if_match="*").original.width == 40


def test_a_deleted_original_is_gone(client: Client) -> None:
    id = new_id()
    original = client.upload(png(10, 10), id)
    client.delete(id, if_match=original)
    for call in (client.info, client.download, client.delete):
        with pytest.raises(NotFound):
            call(id)
    with pytest.raises(NotFound):
        client.variant(id, 10, 10)
    with pytest.raises(NotFound), client.stream(id):
        pass


def test_the_listing_has_every_original_once(client: Client) -> None:
    prefix = new_id("list")
    ids = {f"{prefix}-{number}" for number in range(5)}
    uploaded = {id: client.upload(png(4, 4), id) for id in ids}
    for page_size in (None, 1, 2, 1000):
        listed = [original for original in client.originals(page_size) if original.id in ids]
        assert sorted(original.id for original in listed) == sorted(ids)
        assert {original.id: original for original in listed} == uploaded


def test_a_variant_has_the_size_and_options_of_the_call(client: Client) -> None:
    id = new_id()
    client.upload(png(80, 60), id)
    assert size_of(client.variant(id, 40, 30, "png")) == (40, 30)
    assert size_of(client.variant(id, 40, format="png")) == (40, 30)
    assert size_of(client.variant(id, height=15, format="PNG")) == (20, 15)
    assert size_of(client.variant(id, 30, 30, "png", fit="inside")) == (30, 23)
    assert size_of(client.variant(id, preset="thumb", format="png")) == (20, 20)
    assert size_of(client.variant(id, preset="thumb", format="png", dpr=2)) == (40, 40)
    assert client.variant(id, 40, 30).startswith(b"\xff\xd8\xff")


def test_every_option_is_written_as_the_server_reads_it(client: Client) -> None:
    id = new_id()
    client.upload(png(80, 60), id)
    urls = [
        client.variant_url(id, 40, 30, "webp", fit="contain", enlarge=True, gravity="southeast", bg="ff00ff80", q=70),
        client.variant_url(id, 40, 30, "auto", gravity=(0.3, 0.75), dpr=1.25, crop=(1, 2, 30, 20), trim=10),
        client.variant_url(id, 40, 30, "jpeg", crop="10p,0p,50p,100p", rotate=90, flip="hv", blur=0.5, sharpen=1.25),
        client.variant_url(id, 40, 30, "gif", gray=True, animated=False, frame=0, gravity="smart", v="a b&c=d/é+%"),
    ]
    for url in urls:
        response = fetched(url)
        assert response.status_code == 200, f"{url}: {response.text}"


def test_a_srcset_has_a_url_for_each_width(client: Client) -> None:
    id = new_id()
    client.upload(png(80, 60), id)
    value = client.srcset(id, [20, 40, 20], "png", expires=timedelta(hours=1), gravity=(0.3, 0.75), rotate=90)
    candidates = [candidate.split(" ") for candidate in value.split(", ")]
    assert [width for _, width in candidates] == ["20w", "40w"]
    assert [size_of(fetched(url).content)[0] for url, _ in candidates] == [20, 40]


def test_a_token_can_do_what_a_password_can(connect: Connect, public_url: str) -> None:
    id = new_id()
    client = connect(public_url, token=TOKEN)
    client.upload(png(4, 4), id)
    client.delete(id)


@pytest.mark.parametrize("credentials", [{}, {"username": USERNAME, "password": "wrong"}, {"token": "wrong"}])
def test_a_write_without_valid_credentials_is_refused(
    connect: Connect, public_url: str, credentials: dict[str, str]
) -> None:
    client = connect(public_url, **credentials)
    with pytest.raises(Unauthorized) as caught:
        client.upload(png(4, 4), new_id())
    assert caught.value.status == 401 and caught.value.detail
    with pytest.raises(Unauthorized):
        list(client.originals())


def test_an_error_has_the_fields_of_the_problem(client: Client) -> None:
    id = new_id()
    client.upload(png(4, 4), id)
    with pytest.raises(Conflict) as caught:
        client.upload(png(5, 5), id)
    error = caught.value
    assert (error.status, error.title, error.type) == (409, "Conflict", "about:blank")
    assert error.detail == "An original with this id already exists. Use PUT to replace it."
    assert error.request_id and error.request_id in str(error) and error.detail in str(error)
    assert error.instance is None and error.retry_after is None


def test_what_is_not_a_picture_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.upload(b"not a picture")
    assert caught.value.status == 400
    with pytest.raises(InvalidRequest):
        client.replace(new_id(), b"")
    with pytest.raises(InvalidRequest):
        client.upload(b"")
    with pytest.raises(InvalidRequest):
        client.upload(png(4, 4), "☃")


def test_a_picture_that_is_too_large_is_refused(
    connect: Connect, tmp_path_factory: pytest.TempPathFactory, small_url: str
) -> None:
    client = connect(small_url, username=USERNAME, password=PASSWORD)
    with pytest.raises(TooLarge):
        client.upload(png(600, 600, noise=True))
    with pytest.raises(TooLarge):
        client.replace(new_id(), iter([png(600, 600, noise=True)]))


def test_an_unknown_preset_is_not_found(client: Client) -> None:
    id = new_id()
    client.upload(png(4, 4), id)
    with pytest.raises(NotFound, match="no preset 'nothing'"):
        client.variant(id, preset="nothing")


def test_private_pictures_need_a_signature_or_credentials(connect: Connect, private_url: str) -> None:
    id = new_id()
    owner = connect(private_url, username=USERNAME, password=PASSWORD)
    owner.upload(png(40, 30), id)
    assert owner.download(id) == png(40, 30)
    assert size_of(owner.variant(id, 20, format="png")) == (20, 15)
    assert owner.info(id).width == 40
    stranger = connect(private_url)
    for call in (stranger.info, stranger.download):
        with pytest.raises(Forbidden):
            call(id)
    with pytest.raises(Forbidden):
        stranger.variant(id, preset="thumb")


def test_a_key_alone_reads_private_pictures(connect: Connect, private_url: str) -> None:
    id = new_id("é")
    connect(private_url, username=USERNAME, password=PASSWORD).upload(png(40, 30), id)
    reader = connect(private_url, signing_key=KEY)
    assert reader.download(id) == png(40, 30)
    assert reader.info(id).id == id
    assert size_of(reader.variant(id, 20, format="png", gravity=(0.3, 0.75))) == (20, 15)
    with reader.stream(id) as picture:
        assert b"".join(picture) == png(40, 30)
    urls = [
        reader.original_url(id),
        reader.info_url(id, expires=timedelta(hours=1)),
        reader.variant_url(id, 20, expires=datetime.now(timezone.utc) + timedelta(hours=1)),
    ]
    assert [fetched(url).status_code for url in urls] == [200, 200, 200]
    assert fetched(reader.original_url(id, sign=False)).status_code == 403
    assert fetched(reader.original_url(id, expires=1_000_000_000)).status_code == 403
    with pytest.raises(Unauthorized):
        reader.delete(id)
