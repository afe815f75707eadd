"""Variants: which can be requested, and what the response is."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pymager.formats import FORMATS, OUTPUTS
from tests.pictures import encoded, photograph
from tests.web.served import Response, Served

INPUT_ONLY = sorted(format.extension for format in FORMATS.values() if not format.output)


def opened(response: Response) -> Image.Image:
    assert response.status == 200, response.body
    return Image.open(io.BytesIO(response.body))


@pytest.mark.parametrize("extension", sorted(OUTPUTS))
def test_every_output_has_its_content_type_size_and_format(served: Served, photo: bytes, extension: str) -> None:
    id = served.upload(photo)
    response = served.get(f"/derived/{id}-32x24.{extension}")
    assert response["Content-Type"] == OUTPUTS[extension].content_type
    assert response["Content-Length"] == str(len(response.body))
    picture = opened(response)
    assert (picture.size, picture.format) == ((32, 24), OUTPUTS[extension].output.encoder)


@pytest.mark.parametrize("extension", sorted(OUTPUTS))
def test_the_first_and_the_later_responses_are_equal(served: Served, photo: bytes, extension: str) -> None:
    path = f"/derived/{served.upload(photo)}-30x20.{extension}"
    first, second = served.get(path), served.get(path)
    assert first.body == second.body
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert first[name] == second[name]
    assert served.get(path, If_None_Match=first["ETag"]).status == 304


def test_a_first_response_can_be_a_304(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-31x20.jpg"
    assert served.get(path, If_None_Match="*").status == 304
    assert served.get(path).status == 200


def test_head_renders_as_get_would(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-33x22.jpg"
    head = served.head(path)
    assert (head.status, head.body) == (200, b"")
    get = served.get(path)
    assert head["ETag"] == get["ETag"]
    assert head["Content-Length"] == str(len(get.body))


def test_the_same_size_and_format_gives_the_original_bytes(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    for path in (f"/derived/{id}-60x40.jpg", f"/derived/{id}-60x40.JPEG"):
        assert served.get(path).body == photo
    assert served.get(f"/derived/{id}-60x40.png").body != photo
    assert served.get(f"/derived/{id}-40x60.jpg").body != photo


def test_an_original_with_metadata_is_not_served_as_its_own_variant(served: Served) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    body = encoded(photograph(60, 40), "JPEG", exif=exif)
    response = served.get(f"/derived/{served.upload(body)}-60x40.jpg")
    assert opened(response).size == (60, 40)
    assert b"a secret place" in body
    assert b"a secret place" not in response.body


def test_two_extensions_of_one_format_are_one_variant(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    responses = [served.get(f"/derived/{id}-21x14.{name}") for name in ("jpg", "JPG", "jpeg", "Jpeg", "JPEG")]
    assert {response.status for response in responses} == {200}
    assert len({response["ETag"] for response in responses}) == 1
    assert {response["Content-Type"] for response in responses} == {"image/jpeg"}
    assert len([file for file in served.files_of(id) if file.name.startswith("21x14.")]) == 1


def test_concurrent_requests_get_one_render(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-45x45.webp"
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: served.get(path), range(16)))
    assert {response.status for response in responses} == {200}
    assert len({(response["ETag"], response.body) for response in responses}) == 1


def test_the_last_size_in_a_name_is_the_size(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
    assert served.put(f"{id}-1x1", other_photo).status == 201
    assert served.get(f"/derived/{id}-1x1-50x30.jpg").body == other_photo
    assert opened(served.get(f"/derived/{id}-1x1.png")).size == (1, 1)


@pytest.mark.parametrize(
    "tail",
    ["", "-", ".jpg", "-10x10", "-10x10.", "-x.jpg", "-10.jpg", "10x10.jpg", "-0x10.jpg", "-10x0.jpg",
     "-010x10.jpg", "-0800x600.jpg", "-10x010.jpg", "-+10x10.jpg", "-10x-10.jpg", "-10X10.jpg", "-10x10.jpg.jpg",
     "-10x10x10.jpg", "-10x10.jp%67/", "-1e1x10.jpg", "-%d9%a1%d9%a0x10.jpg", "-10x%ef%bc%91%ef%bc%90.jpg",
     "-10%c3%9710.jpg", "-10x10.j pg".replace(" ", "%20"), "-10x10.j%70g%00", "-10x10.%d9%a1", "-10x10.jp_g",
     "-9999999999x10.jpg", "-10x10%2ejpg%0a", f"-10x10.{'a' * 17}"],
)  # fmt: skip
def test_a_name_of_another_form_is_a_404(served: Served, photo: bytes, tail: str) -> None:
    response = served.get(f"/derived/{served.upload(photo)}{tail}")
    assert response.status == 404, tail
    assert "/derived/{id}-{w" in response.json["detail"]


@pytest.mark.parametrize("extension", [*INPUT_ONLY, "svg", "pdf", "exe", "mp4", "html", "j2k", "a"])
def test_an_unknown_output_format_is_refused_with_a_list_of_formats(
    served: Served, photo: bytes, extension: str
) -> None:
    id = served.upload(photo)
    response = served.get(f"/derived/{id}-10x10.{extension}")
    assert response.status == 400
    assert "webp" in response.json["detail"]


def test_a_size_over_the_maximum_side_is_refused(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    for size in ("4097x1", "1x4097", "999999999x999999999"):
        response = served.get(f"/derived/{id}-{size}.jpg")
        assert response.status == 403
        assert "4096" in response.json["detail"]
    assert opened(served.get(f"/derived/{id}-4096x1.png")).size == (4096, 1)


def test_a_format_has_its_own_maximum_side(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    assert served.get(f"/derived/{id}-257x10.ico").status == 400
    assert opened(served.get(f"/derived/{id}-256x10.ico")).size == (256, 10)


def test_a_picture_is_cropped_around_its_center(served: Served) -> None:
    thirds = np.zeros((30, 90, 3), np.uint8)
    thirds[:, :30], thirds[:, 30:60], thirds[:, 60:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    id = served.upload(encoded(Image.fromarray(thirds), "PNG"))
    middle = opened(served.get(f"/derived/{id}-30x30.png")).convert("RGB")
    assert middle.getpixel((15, 15)) == (0, 255, 0)
    assert np.asarray(middle).reshape(-1, 3).mean(axis=0)[1] > 240


def test_a_replaced_original_has_new_variants_at_once(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
    path = f"/derived/{id}-20x20.png"
    before = served.get(path)
    served.put(id, other_photo)
    after = served.get(path)
    assert after.body != before.body
    assert after["ETag"] != before["ETag"]
    other = served.upload(other_photo)
    assert served.get(f"/derived/{other}-20x20.png").body == after.body
