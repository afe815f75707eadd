"""`.auto`: each client gets the best format that its `Accept` takes, and every response says that it varies."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from pymager import formats
from pymager.variants import negotiation
from pymager.variants.negotiation import Negotiation, accepted, fallback
from tests.accept_headers import ALL, BROWSERS, Accept
from tests.pictures import encoded, jpeg
from tests.web.served import WRITER, Response, Served, send, serving, until
from tests.web.test_info import forget
from tests.web.test_overload import halted
from tests.web.test_problems import assert_problem

_RULE = Negotiation()
_BOTH, _AVIF, _WEBP, _NEITHER = "image/avif,image/webp", "image/avif", "image/webp", "image/*"
_BY_ACCEPT = {_BOTH: "avif", _WEBP: "webp", _NEITHER: "jpg"}
_HEADERS = [accept for accept in ALL if sum(map(len, accept.lines)) < 4_096]
_MAX_PIXELS = 4_800


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, log: object) -> Iterator[Served]:
    """A service that allows few pixels of AVIF, and options."""
    options = "fit,enlarge,q=50|80,dpr=2,rotate,crop=10p,0p,50p,100p,bg=00ff00"
    with serving(tmp_path_factory.mktemp("limited"), auto_avif_pixels=_MAX_PIXELS, options=options) as server:
        yield server


@pytest.fixture(scope="module")
def transparent() -> bytes:
    """A PNG of 60x40 pixels with an alpha channel."""
    return encoded(Image.new("RGBA", (60, 40), (200, 30, 30, 128)), "PNG")


def get(served: Served, path: str, accept: Accept, method: str = "GET") -> Response:
    """A request with each line of the header as it is."""
    with closing(served.connected()) as connection:
        connection.putrequest(method, path)
        for line in accept.lines:
            connection.putheader("Accept", line.encode("latin-1" if line.isascii() else "utf-8"))
        connection.endheaders()
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())


def extension(accept: Accept, *, alpha: bool) -> str:
    name = _RULE.best(accepted(",".join(accept.lines)), (30, 20)) or fallback(alpha=alpha, moves=False)
    return formats.extension(name)


def format_of(response: Response) -> str:
    """The format of the bytes, which the Content-Type has to agree with."""
    assert response.status == 200, response.body
    with Image.open(io.BytesIO(response.body)) as picture:
        format = formats.BY_DECODER[picture.format or ""]
    assert response["Content-Type"] == format.content_type
    return format.extension


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
def test_every_client_gets_the_best_format_that_it_takes(
    served: Served, photo: bytes, transparent: bytes, alpha: bool
) -> None:
    id = served.upload(transparent if alpha else photo)
    for accept in _HEADERS:
        path = f"/derived/{id}-30x20"
        negotiated, expected = get(served, f"{path}.auto", accept), extension(accept, alpha=alpha)
        assert format_of(negotiated) == expected, accept
        assert negotiated["Vary"] == "Accept"
        plain = served.get(f"{path}.{expected}")
        assert (negotiated["ETag"], negotiated.body) == (plain["ETag"], plain.body)
        assert "Vary" not in plain.headers
    assert len(served.files_of(id)) == 1 + 3


def test_the_response_is_the_same_on_each_path_through_the_code(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    path = f"/derived/{id}-30x20.auto"
    for value, expected in _BY_ACCEPT.items():
        first = served.get(path, Accept=value)
        assert format_of(first) == expected
        for other in (
            served.get(path, Accept=value),
            served.get(path, Accept=value, Connection="close"),
            served.get(f"/derived/{id}-30x20.%61uto", Accept=value),
            served.get(f"/derived/{id}-30x20.AUTO", Accept=value),
            served.get(f"{path}?v=7", Accept=value),
            served.head(path, Accept=value),
        ):
            assert other.body in (first.body, b"")
            for name in ("ETag", "Content-Type", "Content-Length", "Vary", "Last-Modified", "Cache-Control"):
                assert other[name] == first[name], name


def test_a_large_variant_that_is_streamed_varies_too(folder: Path) -> None:
    with serving(folder, auto_formats="") as served:
        noise = Image.effect_noise((1200, 1200), 90)
        noise.putalpha(128)
        path = f"/derived/{served.upload(encoded(noise, 'PNG'))}-1200x1200.auto"
        responses = [served.get(path) for _ in range(3)]
        assert len(responses[0].body) > 1 << 20
        assert {response["Vary"] for response in responses} == {"Accept"}
        assert len({(response["ETag"], response.body) for response in responses}) == 1


def test_conditional_requests_compare_with_the_chosen_format(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-30x20.auto"
    tags = {value: served.get(path, Accept=value)["ETag"] for value in _BY_ACCEPT}
    assert len(set(tags.values())) == 3
    for value, own in tags.items():
        for extra in ({}, {"Connection": "close"}):  # on the hot path, and not
            for tag in tags.values():
                response = served.get(path, Accept=value, If_None_Match=tag, **extra)
                assert (response.status, response["ETag"]) == (304 if tag == own else 200, own)
                assert response["Vary"] == "Accept"
                matched = served.get(path, Accept=value, If_Match=tag, **extra)
                assert matched.status == (200 if tag == own else 412)
                assert matched["Vary"] == "Accept"
        assert served.get(path, Accept=value, If_None_Match="*").status == 304


def test_the_fallback_looks_at_the_pixels_and_not_at_the_format(served: Served) -> None:
    opaque = encoded(Image.new("RGBA", (60, 40), (200, 30, 30, 255)), "PNG")
    id = served.upload(opaque)
    assert format_of(served.get(f"/derived/{id}-30x20.auto")) == "jpg"
    forget(served, id)  # as an earlier version stored it
    assert format_of(served.get(f"/derived/{id}-30x20.auto", Accept=_WEBP)) == "webp"
    assert format_of(served.get(f"/derived/{id}-31x20.auto")) == "jpg"
    assert served.get(f"/info/{id}").json["alpha"] is False


def test_an_animation_moves_in_the_best_format_that_the_client_takes(folder: Path) -> None:
    frames = [Image.new("RGB", (60, 40), (40 * number, 0, 0)) for number in range(5)]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    with serving(folder, options="animated", auto_avif_pixels=5 * 30 * 20) as served:
        id = served.upload(gif)
        for value, moving, still in ((_BOTH, "avif", "avif"), (_WEBP, "webp", "webp"), (_NEITHER, "gif", "jpg")):
            response = served.get(f"/derived/{id}-30x20.auto?animated=true", Accept=value)
            assert (format_of(response), response["Vary"]) == (moving, "Accept")
            with Image.open(io.BytesIO(response.body)) as picture:
                assert getattr(picture, "n_frames", 1) == 5
            assert format_of(served.get(f"/derived/{id}-30x20.auto", Accept=value)) == still
        larger = f"/derived/{id}-31x20.auto?animated=true"
        assert format_of(served.get(larger, Accept=_BOTH)) == "webp"
        assert format_of(served.get(larger, Accept=_AVIF)) == "gif"


def test_every_error_for_such_a_url_varies_and_no_other(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    for extension, vary in (("auto", "Accept"), ("AuTo", "Accept"), ("jpg", None)):
        for path, status in (
            (f"/derived/absent-8x6.{extension}", 404),
            (f"/derived/{id}-9999x9999.{extension}", 403),
            (f"/derived/{id}-8x6.{extension}?fit=inside", 403),
            (f"/derived/{id}-8x6.{extension}?fit=outside", 400),
            (f"/derived/{id}@absent.{extension}", 404),
            (f"/derived/{id}.{extension}", 404),
            (f"/derived/a/{id}-8x6.{extension}", 404),
        ):
            for headers in ({}, {"Connection": "close"}):
                response = served.request("GET", path, headers)
                assert_problem(response, status)
                assert response.headers["Vary"] == vary, path
        path = f"/derived/{id}-8x6.{extension}"
        for method in ("POST", "DELETE", "PATCH"):
            response = served.request(method, path, WRITER)
            assert_problem(response, 405)
            assert response.headers["Vary"] == vary
        assert served.request("OPTIONS", path).headers["Vary"] == vary
        assert served.request("GET", path, {"Expect": "what"}).headers["Vary"] == vary
        assert served.raw(f"GET {path} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".encode()).headers["Vary"] == vary
    for path in ("/original/a.auto", "/info/a.auto", "/x.auto", "/original/auto"):
        assert served.get(path).headers["Vary"] is None


def test_an_overloaded_server_varies_too(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=0) as served:
        id = served.upload(photo)
        with ThreadPoolExecutor(2) as pool, halted(served):
            first = [pool.submit(served.get, f"/derived/{id}-{side}x8.auto") for side in (8, 9)]
            until(lambda: any(future.done() for future in first))
            refused = next(future.result() for future in first if future.done())
            assert (refused.status, refused["Vary"]) == (503, "Accept")


def test_a_picture_that_cannot_be_rendered_varies_too(served: Served) -> None:
    id = served.upload(jpeg(60, 40, seed=9))
    (file,) = served.files_of(id)
    size = file.stat().st_size
    file.write_bytes(b"\xff\xd8\xff" + b"\0" * (size - 3))
    response = served.get(f"/derived/{id}-8x6.auto")
    assert (response.status, response["Vary"]) == (422, "Accept")
    file.unlink()
    response = served.get(f"/derived/{id}-9x6.auto")
    assert (response.status, response["Vary"]) == (500, "Accept")


@pytest.mark.parametrize(
    ("variant", "pixels"),
    [
        ("80x60.auto", 80 * 60),
        ("81x60.auto", 81 * 60),
        ("40x30.auto?dpr=2", 80 * 60),
        ("41x30.auto?dpr=2", 82 * 60),
        ("80x.auto", 60 * 40),  # it is not enlarged
        ("80x.auto?enlarge=true", 80 * 53),
        ("90x.auto?enlarge=true", 90 * 60),
        ("x90.auto?enlarge=true&rotate=90", 60 * 90),
        ("x60.auto?enlarge=true&crop=10p,0p,50p,100p", 45 * 60),
        ("200x60.auto?fit=inside&enlarge=true", 90 * 60),
        ("200x53.auto?fit=inside&enlarge=true", 80 * 53),
        ("200x200.auto?fit=inside", 60 * 40),
        ("81x60.auto?fit=contain", 81 * 60),
        ("90x90.auto?enlarge=false", 40 * 40),
    ],
)
def test_avif_is_limited_by_the_pixels_of_the_variant(limited: Served, photo: bytes, variant: str, pixels: int) -> None:
    path = f"/derived/{limited.upload(photo)}-{variant}"
    response = limited.get(path, Accept=_BOTH)
    assert format_of(response) == ("avif" if pixels <= _MAX_PIXELS else "webp")
    with Image.open(io.BytesIO(response.body)) as picture:
        assert picture.width * picture.height == pixels
    assert format_of(limited.get(path, Accept=_AVIF)) == ("avif" if pixels <= _MAX_PIXELS else "jpg")
    assert format_of(limited.get(path, Accept=_WEBP)) == "webp"


def test_a_quality_is_dropped_where_the_format_has_none(limited: Served, photo: bytes, transparent: bytes) -> None:
    path = f"/derived/{limited.upload(transparent)}-30x20.auto"
    plain, other = limited.get(path), limited.get(f"{path}?q=50")
    assert format_of(other) == "png"
    assert (plain["ETag"], plain.body) == (other["ETag"], other.body)
    for value in (_BOTH, _WEBP):
        assert limited.get(path, Accept=value)["ETag"] != limited.get(f"{path}?q=50", Accept=value)["ETag"]
    path = f"/derived/{limited.upload(photo)}-30x20.auto"
    assert limited.get(f"{path}?q=80")["ETag"] == limited.get(path)["ETag"]  # the setting's quality of JPEG


def test_options_are_canonical_in_the_format_that_is_chosen(limited: Served, transparent: bytes) -> None:
    path = f"/derived/{limited.upload(transparent)}-30x20"
    for value in (_BOTH, _WEBP, _NEITHER):  # transparency is kept, so no background shows
        assert (
            limited.get(f"{path}.auto?bg=00ff00", Accept=value)["ETag"]
            == limited.get(f"{path}.auto", Accept=value)["ETag"]
        )


def test_what_no_format_can_hold_is_the_fallback(folder: Path, photo: bytes) -> None:
    with serving(folder, max_side=40_000, auto_avif_pixels=10**9) as served:
        id = served.upload(photo)
        assert format_of(served.get(f"/derived/{id}-16384x1.auto", Accept=_WEBP)) == "jpg"
        assert format_of(served.get(f"/derived/{id}-16384x1.auto", Accept=_BOTH)) == "avif"


def test_without_formats_everybody_gets_the_fallback(folder: Path, photo: bytes, transparent: bytes) -> None:
    with serving(folder, auto_formats="") as served:
        for picture, expected in ((photo, "jpg"), (transparent, "png")):
            path = f"/derived/{served.upload(picture)}-30x20.auto"
            for value in (_BOTH, _NEITHER):
                assert format_of(served.get(path, Accept=value)) == expected
            assert served.get(path)["Vary"] == "Accept"


def test_the_order_of_the_formats_is_the_servers(folder: Path, photo: bytes) -> None:
    with serving(folder, auto_formats="webp,avif") as served:
        path = f"/derived/{served.upload(photo)}-30x20.auto"
        assert format_of(served.get(path, Accept="image/avif;q=1,image/webp;q=0.1")) == "webp"
        assert format_of(served.get(path, Accept="image/avif,*/*")) == "avif"


def test_each_distinct_header_is_parsed_once(served: Served, photo: bytes) -> None:
    paths = [f"/derived/{served.upload(photo)}-{side}x20.auto" for side in (20, 30)]
    negotiation._parsed.cache_clear()
    with closing(served.connected()) as connection:
        for _ in range(5):
            for path in paths:
                for accept in BROWSERS:
                    assert send(connection, "GET", path, {"Accept": accept.lines[0]}).status == 200
    assert negotiation._parsed.cache_info().misses == len({accept.lines for accept in BROWSERS})


def test_a_replaced_picture_is_negotiated_anew(served: Served, photo: bytes, transparent: bytes) -> None:
    id = served.upload(photo)
    path = f"/derived/{id}-30x20.auto"
    assert format_of(served.get(path)) == "jpg"
    assert served.put(id, transparent).status == 200
    assert format_of(served.get(path)) == "png"
    assert served.delete(id).status == 204
    assert_problem(served.get(path), 404)


def test_hostile_headers_are_refused_or_negotiate(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-30x20.auto"
    for value in ("\xff" * 7_000, '"' * 7_000, '"\\' * 3_000, "image/avif," * 600, ";" * 7_000, "a/b;" * 1_500):
        assert format_of(served.get(path, Accept=value)) == "jpg"
    assert format_of(get(served, path, Accept("many", ("a/b",) * 90 + (_WEBP,), frozenset()))) == "webp"
    assert served.get(path, Accept="x" * 100_000).status == 400
