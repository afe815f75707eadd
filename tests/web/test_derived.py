"""Derived pictures: what can be asked for, and how it comes back."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pymager.formats import OUTPUTS
from tests.pictures import encoded, photograph
from tests.web.served import Answer, Served


def opened(answer: Answer) -> Image.Image:
    assert answer.status == 200, answer.body
    return Image.open(io.BytesIO(answer.body))


@pytest.mark.parametrize("extension", sorted(OUTPUTS))
def test_every_output_has_its_content_type_size_and_format(served: Served, photo: bytes, extension: str) -> None:
    id = served.kept(photo)
    answer = served.get(f"/derived/{id}-32x24.{extension}")
    assert answer["Content-Type"] == OUTPUTS[extension].content_type
    assert answer["Content-Length"] == str(len(answer.body))
    picture = opened(answer)
    assert (picture.size, picture.format) == ((32, 24), OUTPUTS[extension].output.encoder)


@pytest.mark.parametrize("extension", sorted(OUTPUTS))
def test_the_first_and_the_later_answers_are_the_same(served: Served, photo: bytes, extension: str) -> None:
    path = f"/derived/{served.kept(photo)}-30x20.{extension}"
    first, second = served.get(path), served.get(path)
    assert first.body == second.body
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert first[name] == second[name]
    assert served.get(path, If_None_Match=first["ETag"]).status == 304


def test_a_first_answer_may_be_a_304(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.kept(photo)}-31x20.jpg"
    assert served.get(path, If_None_Match="*").status == 304
    assert served.get(path).status == 200


def test_head_renders_as_get_would(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.kept(photo)}-33x22.jpg"
    head = served.head(path)
    assert (head.status, head.body) == (200, b"")
    get = served.get(path)
    assert head["ETag"] == get["ETag"]
    assert head["Content-Length"] == str(len(get.body))


def test_the_same_size_and_format_gives_the_original_bytes(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    for path in (f"/derived/{id}-60x40.jpg", f"/derived/{id}-60x40.JPEG"):
        assert served.get(path).body == photo
    assert served.get(f"/derived/{id}-60x40.png").body != photo
    assert served.get(f"/derived/{id}-40x60.jpg").body != photo


def test_a_picture_with_metadata_is_not_handed_on_as_it_is(served: Served) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    body = encoded(photograph(60, 40), "JPEG", exif=exif)
    answer = served.get(f"/derived/{served.kept(body)}-60x40.jpg")
    assert opened(answer).size == (60, 40)
    assert b"a secret place" in body
    assert b"a secret place" not in answer.body


def test_names_of_one_format_are_one_derived_picture(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    answers = [served.get(f"/derived/{id}-21x14.{name}") for name in ("jpg", "JPG", "jpeg", "Jpeg", "JPEG")]
    assert {answer.status for answer in answers} == {200}
    assert len({answer["ETag"] for answer in answers}) == 1
    assert {answer["Content-Type"] for answer in answers} == {"image/jpeg"}
    assert len([file for file in served.files_of(id) if file.name.startswith("21x14.")]) == 1


def test_many_who_ask_at_once_get_the_one_picture(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.kept(photo)}-45x45.webp"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: served.get(path), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert len({(answer["ETag"], answer.body) for answer in answers}) == 1


def test_the_last_size_in_a_name_counts(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.kept(photo)
    assert served.put(f"{id}-1x1", other_photo).status == 201
    assert served.get(f"/derived/{id}-1x1-50x30.jpg").body == other_photo
    assert opened(served.get(f"/derived/{id}-1x1.png")).size == (1, 1)


@pytest.mark.parametrize(
    "tail",
    ["", "-", ".jpg", "-10x10", "-10x10.", "-10x.jpg", "-x10.jpg", "-10.jpg", "10x10.jpg", "-0x10.jpg", "-10x0.jpg",
     "-010x10.jpg", "-0800x600.jpg", "-10x010.jpg", "-+10x10.jpg", "-10x-10.jpg", "-10X10.jpg", "-10x10.jpg.jpg",
     "-10x10x10.jpg", "-10x10.jp%67/", "-1e1x10.jpg", "-%d9%a1%d9%a0x10.jpg", "-10x%ef%bc%91%ef%bc%90.jpg",
     "-10%c3%9710.jpg", "-10x10.j pg".replace(" ", "%20"), "-10x10.j%70g%00", "-10x10.%d9%a1", "-10x10.jp_g",
     "-9999999999x10.jpg", "-10x10%2ejpg%0a", f"-10x10.{'a' * 17}"],
)  # fmt: skip
def test_a_name_of_another_form_leads_nowhere(served: Served, photo: bytes, tail: str) -> None:
    answer = served.get(f"/derived/{served.kept(photo)}{tail}")
    assert answer.status == 404, tail
    assert "/derived/{id}-{w" in answer.json["detail"]


@pytest.mark.parametrize("extension", ["heic", "pcx", "svg", "pdf", "exe", "mp4", "html", "j2k", "a"])
def test_a_format_that_is_not_written_is_refused_with_a_list(served: Served, photo: bytes, extension: str) -> None:
    id = served.kept(photo)
    answer = served.get(f"/derived/{id}-10x10.{extension}")
    assert answer.status == 400
    assert "webp" in answer.json["detail"]


def test_a_size_over_the_longest_side_is_not_allowed(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    for size in ("4097x1", "1x4097", "999999999x999999999"):
        answer = served.get(f"/derived/{id}-{size}.jpg")
        assert answer.status == 403
        assert "4096" in answer.json["detail"]
    assert opened(served.get(f"/derived/{id}-4096x1.png")).size == (4096, 1)


def test_a_format_has_a_longest_side_of_its_own(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    assert served.get(f"/derived/{id}-257x10.ico").status == 400
    assert opened(served.get(f"/derived/{id}-256x10.ico")).size == (256, 10)


def test_a_picture_is_cropped_around_its_centre(served: Served) -> None:
    thirds = np.zeros((30, 90, 3), np.uint8)
    thirds[:, :30], thirds[:, 30:60], thirds[:, 60:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    id = served.kept(encoded(Image.fromarray(thirds), "PNG"))
    middle = opened(served.get(f"/derived/{id}-30x30.png")).convert("RGB")
    assert middle.getpixel((15, 15)) == (0, 255, 0)
    assert np.asarray(middle).reshape(-1, 3).mean(axis=0)[1] > 240


def test_a_replaced_original_gives_other_pictures_at_once(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.kept(photo)
    path = f"/derived/{id}-20x20.png"
    before = served.get(path)
    served.put(id, other_photo)
    after = served.get(path)
    assert after.body != before.body
    assert after["ETag"] != before["ETag"]
    other = served.kept(other_photo)
    assert served.get(f"/derived/{other}-20x20.png").body == after.body
