"""Forms as strangers send them: bounded in parts, heads and bytes; what is malformed gets 400 and a sentence."""

import secrets

import pytest

from tests.web.served import END, FORM, WRITER, Answer, Served, form, part


def posted(served: Served, body: bytes, content_type: str = FORM["Content-Type"]) -> Answer:
    return served.ask("POST", f"/original/f{secrets.token_hex(6)}", WRITER | {"Content-Type": content_type}, body)


TEXT = part(b"some text", 'form-data; name="note"')


def test_three_more_parts_are_taken_and_four_are_not(served: Served, photo: bytes) -> None:
    assert posted(served, form(photo, TEXT, TEXT, TEXT)).status == 201
    answer = posted(served, form(photo, TEXT, TEXT, TEXT, TEXT))
    assert answer.status == 400
    assert "4 parts" in answer.json["detail"]


def test_parts_after_the_picture_are_taken(served: Served, photo: bytes) -> None:
    assert posted(served, part(photo) + TEXT + END).status == 201


def test_a_form_without_the_field_says_how_to_send_it(served: Served) -> None:
    for body in (TEXT + END, END):
        answer = posted(served, body)
        assert answer.status == 400
        assert "file" in answer.json["detail"]


def test_two_pictures_in_one_form_are_refused(served: Served, photo: bytes) -> None:
    answer = posted(served, form(photo, part(photo)))
    assert answer.status == 400
    assert "one picture" in answer.json["detail"]


def test_a_form_that_is_cut_short_is_refused_at_every_place(served: Served, photo: bytes) -> None:
    whole = form(photo, TEXT)
    places = {1, 10, 60, 150, len(whole) - len(END) - len(photo), len(whole) - 60, len(whole) - 4}
    for place in sorted(places):
        answer = posted(served, whole[:place])
        assert answer.status == 400, place
        assert answer["Content-Type"] == "application/problem+json"
    assert posted(served, whole).status == 201


MALFORMED = {
    "nothing": b"",
    "no boundary anywhere": b"hello",
    "another boundary": b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc\r\n--x--\r\n",
    "no disposition": END.replace(b"--\r\n", b"\r\n") + b"A: b\r\n\r\nabc\r\n" + END,
    "a disposition of another kind": part(b"abc", "attachment; name=file") + END,
    "a head without a colon": part(b"abc", more="nothing\r\n") + END,
    "a head with bytes that are no UTF-8": part(b"abc").replace(b"a.jpg", b"\xff\xfe") + END,
    "a head of 5,000 bytes": part(b"abc", more=f"X: {'y' * 5_000}\r\n") + END,
    "nine heads": part(b"abc", more="".join(f"X-{n}: y\r\n" for n in range(9))) + END,
    "a head that never ends": b"\r\n".join([END.replace(b"--\r\n", b""), b"X: y" * 30_000]),
    "bytes before the first boundary": b"x" * 10_000 + form(b"abc"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_form_is_refused(served: Served, what: str) -> None:
    answer = posted(served, MALFORMED[what])
    assert answer.status == 400, answer.body
    assert answer["Content-Type"] == "application/problem+json"
    assert len(answer.json["detail"]) > 20


def test_a_form_inside_a_form_is_refused(served: Served, photo: bytes) -> None:
    inner = b'--in\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo + b"\r\n--in--\r\n"
    for disposition in ('form-data; name="file"', 'form-data; name="other"'):
        nested = part(inner, disposition, "Content-Type: multipart/mixed; boundary=in\r\n")
        answer = posted(served, nested + END)
        assert answer.status == 400, answer.body
        assert answer["Content-Type"] == "application/problem+json"


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
        ";;;",
        "multipart",
        "/",
        "",
    ],
)
def test_what_is_no_form_is_refused(served: Served, photo: bytes, content_type: str) -> None:
    answer = posted(served, form(photo), content_type)
    assert answer.status == 400, answer.body
    assert len(answer.json["detail"]) > 20


def test_a_post_without_a_content_type_is_refused(served: Served) -> None:
    answer = served.ask("POST", "/original", WRITER, b"abc")
    assert answer.status == 400
    assert "multipart" in answer.json["detail"]


def test_a_boundary_of_70_characters_is_taken(served: Served, photo: bytes) -> None:
    boundary = "'()+_,-./:=?" + "b" * 58
    body = form(photo).replace(b"a-boundary-of-the-tests", boundary.encode())
    assert posted(served, body, f'multipart/form-data; boundary="{boundary}"').status == 201


def test_a_picture_that_holds_the_boundarys_beginning_stays_whole(served: Served, photo: bytes) -> None:
    tricky = photo + b"\r\n--a-boundary-of-the-test\r\n--a-boundary"  # trailing bytes do a JPEG no harm
    answer = posted(served, form(tricky))
    assert answer.status == 201
    assert served.get(answer["Location"]).body == tricky
