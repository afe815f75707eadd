"""Forms: limited in parts, headers and bytes. A malformed form gets a 400 that explains it."""

import secrets

import pytest

from tests.web.served import END, FORM, WRITER, Response, Served, form, part


def posted(served: Served, body: bytes, content_type: str = FORM["Content-Type"]) -> Response:
    return served.request("POST", f"/original/f{secrets.token_hex(6)}", WRITER | {"Content-Type": content_type}, body)


TEXT = part(b"some text", 'form-data; name="note"')


def test_32_fields_beside_the_picture_are_accepted_and_33_are_refused(served: Served, photo: bytes) -> None:
    for before in (32, 16, 0):
        fields = [TEXT] * before, [TEXT] * (32 - before)
        response = posted(served, b"".join([*fields[0], part(photo), *fields[1], END]))
        assert response.status == 201, response.body
        assert served.get(response["Location"]).body == photo
        response = posted(served, b"".join([*fields[0], part(photo), *fields[1], TEXT, END]))
        assert response.status == 400
        assert "32 fields" in response.json["detail"]


def test_the_fields_beside_the_picture_have_64_kib_together(served: Served, photo: bytes) -> None:
    def field(size: int) -> bytes:
        return part(b"x" * size, 'form-data; name="note"')

    assert posted(served, field(32_768) + part(photo) + field(32_767) + field(1) + END).status == 201
    for fields in (field(65_537) + part(photo), part(photo) + field(65_537), field(65_536) + part(photo) + field(1)):
        response = posted(served, fields + END)
        assert response.status == 413, response.body
        assert "65536 bytes" in response.json["detail"]


def test_a_form_without_the_field_is_refused_with_an_example(served: Served) -> None:
    for body in (TEXT + END, END):
        response = posted(served, body)
        assert response.status == 400
        assert "file" in response.json["detail"]


def test_two_pictures_in_one_form_are_refused(served: Served, photo: bytes) -> None:
    response = posted(served, form(photo, part(photo)))
    assert response.status == 400
    assert "one picture" in response.json["detail"]


def test_a_truncated_form_is_refused_wherever_it_ends(served: Served, photo: bytes) -> None:
    whole = form(photo, TEXT)
    places = {1, 10, 60, 150, len(whole) - len(END) - len(photo), len(whole) - 60, len(whole) - 4}
    for place in sorted(places):
        response = posted(served, whole[:place])
        assert response.status == 400, place
        assert response["Content-Type"] == "application/problem+json"
        assert response.json["detail"] == "The multipart form is cut short: it must end with its boundary and `--`."
    assert posted(served, whole).status == 201


MALFORMED = {
    "nothing": b"",
    "no boundary anywhere": b"hello",
    "another boundary": b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc\r\n--x--\r\n",
    "no disposition": END.replace(b"--\r\n", b"\r\n") + b"A: b\r\n\r\nabc\r\n" + END,
    "a disposition of another kind": part(b"abc", "attachment; name=file") + END,
    "a head without a colon": part(b"abc", more="nothing\r\n") + END,
    "a head of 5,000 bytes": part(b"abc", more=f"X: {'y' * 5_000}\r\n") + END,
    "nine heads": part(b"abc", more="".join(f"X-{n}: y\r\n" for n in range(9))) + END,
    "a head that never ends": b"\r\n".join([END.replace(b"--\r\n", b""), b"X: y" * 30_000]),
    "bytes before the first boundary": b"x" * 10_000 + form(b"abc"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_form_is_refused(served: Served, what: str) -> None:
    response = posted(served, MALFORMED[what])
    assert response.status == 400, response.body
    assert response["Content-Type"] == "application/problem+json"
    assert len(response.json["detail"]) > 20


def test_a_form_inside_a_form_is_refused(served: Served, photo: bytes) -> None:
    inner = b'--in\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo + b"\r\n--in--\r\n"
    for disposition in ('form-data; name="file"', 'form-data; name="other"'):
        nested = part(inner, disposition, "Content-Type: multipart/mixed; boundary=in\r\n")
        response = posted(served, nested + END)
        assert response.status == 400, response.body
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "image/jpeg",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=caf\xe9",
        "multipart/form-data; boundary*=utf-8''x",
        'multipart/form-data; boundary="a\\"b\\\\c',
        "multipart/form-data; boundary=a\tb",
        "multipart/form-data; boundary=a b",
        'multipart/form-data; boundary="a ',
        "multipart/form-data; boundary=x; boundary=a-boundary-of-the-tests",
        'multipart/form-data; x="; boundary=a-boundary-of-the-tests"',
        ";;;",
        "multipart",
        "/",
        "",
    ],
)
def test_a_body_that_is_not_a_form_is_refused(served: Served, photo: bytes, content_type: str) -> None:
    response = posted(served, form(photo), content_type)
    assert response.status == 400, response.body
    assert len(response.json["detail"]) > 20


def test_a_post_without_a_content_type_is_refused(served: Served) -> None:
    response = served.request("POST", "/original", WRITER, b"abc")
    assert response.status == 400
    assert "multipart" in response.json["detail"]


def test_a_boundary_of_70_characters_is_accepted(served: Served, photo: bytes) -> None:
    boundary = "'()+_,-./:=?" + "b" * 58
    body = form(photo).replace(b"a-boundary-of-the-tests", boundary.encode())
    assert posted(served, body, f'multipart/form-data; boundary="{boundary}"').status == 201


def test_a_picture_that_contains_the_start_of_the_boundary_stays_whole(served: Served, photo: bytes) -> None:
    tricky = photo + b"\r\n--a-boundary-of-the-test\r\n--a-boundary"  # trailing bytes do a JPEG no harm
    response = posted(served, form(tricky))
    assert response.status == 201
    assert served.get(response["Location"]).body == tricky


BOUNDARIES = {
    "Java mail": "----=_Part_0_8.16",
    "a MIME mail": "=_3d2f(1)/a:b?c,d'e+f.g=",
    "Android's examples": "*****",
    "curl": "------------------------d74496d66958873e",
    "Chromium": "----WebKitFormBoundary7MA4YWxkTrZu0gW",
    "Firefox": "---------------------------9051914041544843365972754266",
    "Apache HttpClient": "Qs0zoDRIZ8M_0d-Xg2Kd",
}


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES.keys())
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary={}",
        'multipart/form-data; boundary="{}"',
        "multipart/form-data;boundary={};charset=UTF-8",
        "Multipart/Form-Data ; charset=ISO-8859-1 ; Boundary = {} ",
        'multipart/form-data; start="; boundary=x"; boundary={}',
    ],
)
def test_the_boundaries_that_clients_choose_work_quoted_and_unquoted(
    served: Served, photo: bytes, boundary: str, content_type: str
) -> None:
    body = form(photo, TEXT).replace(b"a-boundary-of-the-tests", boundary.encode())
    response = posted(served, body, content_type.format(boundary))
    assert response.status == 201, response.body
    assert served.get(response["Location"]).body == photo


def test_a_quoted_boundary_can_have_spaces_and_escaped_characters(served: Served, photo: bytes) -> None:
    body = form(photo).replace(b"a-boundary-of-the-tests", b"a simple 'boundary'")
    assert posted(served, body, "multipart/form-data; boundary=\"a simple \\'boundary'\"").status == 201


NAMES = {
    "ISO 8859-1": b'filename="caf\xe9.jpg"',
    "ISO 8859-1, unquoted": b"filename=caf\xe9.jpg",
    "UTF-8": 'filename="猫.jpg"'.encode(),
    "Shift_JIS, with a backslash in a letter": 'filename="表.jpg"'.encode("shift_jis"),
    "GB 18030": 'filename="照片.jpg"'.encode("gb18030"),
    "no character set": b'filename="\x81\x85\xa0\xff.jpg"',
    "RFC 5987": b"filename=\"cafe.jpg\"; filename*=UTF-8''caf%C3%A9.jpg",
    "an escaped quotation mark": b'filename="a\\"b.jpg"',
    "a Windows path": b'filename="C:\\Pictures\\a.jpg"',
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_the_file_name_can_have_any_character_set(served: Served, photo: bytes, name: bytes) -> None:
    for disposition in (b'form-data; name="file"; ' + name, b"form-data; " + name + b';name="file"'):
        body = form(photo).replace(b'form-data; name="file"; filename="a.jpg"', disposition)
        response = posted(served, body)
        assert response.status == 201, (disposition, response.body)
        assert served.get(response["Location"]).body == photo
