"""Conditional requests (RFC 9110 section 13) of originals, their metadata and variants."""

from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.web.served import Served

DATED = ["/original/{id}", "/derived/{id}-12x8.png"]
INFO = "/info/{id}"
PATHS = [*DATED, INFO]
OLD = "Sat, 01 Jan 2000 00:00:00 GMT"
COMING = "Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.fixture(scope="module")
def id(served: Served, photo: bytes) -> str:
    return served.upload(photo)


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, id: str) -> str:
    return str(request.param).format(id=id)


@pytest.fixture(params=DATED)
def dated(request: pytest.FixtureRequest, id: str) -> str:
    return str(request.param).format(id=id)


def test_a_304_has_what_the_200_had(served: Served, path: str) -> None:
    whole = served.get(path)
    for method in ("GET", "HEAD"):
        response = served.request(method, path, {"If-None-Match": whole["ETag"]})
        assert (response.status, response.body) == (304, b"")
        for name in ("ETag", "Last-Modified", "Cache-Control"):
            assert response.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ("*", 304),
        (' "x",  {tag} ', 304),
        ('"x","y", W/"z",{tag}', 304),
        ('"a,b", {tag}', 304),
        (", ,{tag}", 304),
        ('"another"', 200),
        ('W/"another", "third"', 200),
        ("{bare}", 200),
        ("w/{tag}", 200),
        ('"{bare}', 200),
        ("", 200),
        ('""', 200),
    ],
)
def test_if_none_match_compares_weakly_over_lists(served: Served, path: str, value: str, status: int) -> None:
    tag = served.get(path)["ETag"]
    response = served.get(path, If_None_Match=value.format(tag=tag, bare=tag.strip('"')))
    assert response.status == status


def test_several_lines_of_if_none_match_are_one_list(served: Served, path: str) -> None:
    tag = served.get(path)["ETag"]
    head = f'GET {path} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "x"\r\nIf-None-Match: {tag}\r\n\r\n'
    assert served.raw(head.encode()).status == 304


def test_if_modified_since_compares_with_the_date_given(served: Served, dated: str) -> None:
    given = served.get(dated)["Last-Modified"]
    earlier = formatdate(parsedate_to_datetime(given).timestamp() - 1, usegmt=True)
    assert served.get(dated, If_Modified_Since=given).status == 304
    assert served.get(dated, If_Modified_Since=COMING).status == 304
    assert served.get(dated, If_Modified_Since=earlier).status == 200
    assert served.get(dated, If_Modified_Since=OLD).status == 200


def test_the_obsolete_forms_of_a_date_are_accepted(served: Served, dated: str) -> None:
    date = parsedate_to_datetime(served.get(dated)["Last-Modified"])
    assert served.get(dated, If_Modified_Since=date.strftime("%A, %d-%b-%y %H:%M:%S GMT")).status == 304
    assert served.get(dated, If_Modified_Since=date.strftime("%a %b %e %H:%M:%S %Y")).status == 304


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "2100-01-01", "0", "Fri, 32 Jan 2100 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT" * 9,
     "Fri, 01 Jan 99999999999999999999 00:00:00 GMT", "Fri, 01 Jan 2100 25:61:61 GMT", "\xff"],
)  # fmt: skip
def test_a_malformed_date_is_ignored(served: Served, path: str, date: str) -> None:
    assert served.get(path, If_Modified_Since=date).status == 200
    assert served.get(path, If_Unmodified_Since=date).status == 200


def test_if_none_match_takes_precedence_over_if_modified_since(served: Served, dated: str) -> None:
    response = served.get(dated)
    assert served.get(dated, If_None_Match='"x"', If_Modified_Since=COMING).status == 200
    assert served.get(dated, If_None_Match=response["ETag"], If_Modified_Since=OLD).status == 304


def test_if_match_compares_strongly(served: Served, path: str) -> None:
    tag = served.get(path)["ETag"]
    assert served.get(path, If_Match=tag).status == 200
    assert served.get(path, If_Match=f'"x", {tag}').status == 200
    assert served.get(path, If_Match="*").status == 200
    for value in (f"W/{tag}", '"x"', ""):
        response = served.get(path, If_Match=value)
        assert response.status == 412
        assert response["Cache-Control"] == "no-store"


def test_if_unmodified_since_is_evaluated_without_if_match(served: Served, dated: str) -> None:
    response = served.get(dated)
    assert served.get(dated, If_Unmodified_Since=OLD).status == 412
    assert served.get(dated, If_Unmodified_Since=response["Last-Modified"]).status == 200
    assert served.get(dated, If_Match=response["ETag"], If_Unmodified_Since=OLD).status == 200


def test_metadata_has_no_date_and_conditions_by_date_are_ignored(served: Served, id: str) -> None:
    """RFC 9110 sections 13.1.3 and 13.1.4. The metadata changes when an original is described later."""
    path = INFO.format(id=id)
    for date in (OLD, COMING):
        for response in (
            served.get(path),
            served.get(path, If_Modified_Since=date),
            served.get(path, If_Unmodified_Since=date),
        ):
            assert response.status == 200
            assert "Last-Modified" not in response.headers


def test_if_match_is_evaluated_before_if_none_match(served: Served, path: str) -> None:
    tag = served.get(path)["ETag"]
    assert served.get(path, If_Match='"x"', If_None_Match=tag).status == 412
    assert served.get(path, If_Match=tag, If_None_Match=tag).status == 304


def test_a_404_stays_a_404_with_conditions(served: Served) -> None:
    for condition in ({"If-Match": "*"}, {"If-None-Match": "*"}, {"If-Unmodified-Since": OLD}):
        assert served.request("GET", "/original/never-uploaded", condition).status == 404


def test_an_etag_of_another_representation_does_not_match(served: Served, id: str) -> None:
    tags = {served.get(path.format(id=id))["ETag"] for path in PATHS}
    assert len(tags) == len(PATHS)


def test_the_date_of_the_first_response_stays(served: Served, photo: bytes, other_photo: bytes) -> None:
    """Of an upload, and of each replace within a second of the last one."""
    id = f"{served.upload(photo)}-again"
    for status, body in ((201, photo), (200, other_photo), (200, photo), (200, other_photo)):
        written = served.put(id, body)
        assert written.status == status
        for path in DATED:
            date = served.get(path.format(id=id))["Last-Modified"]
            assert served.get(path.format(id=id))["Last-Modified"] == date
            assert served.get(path.format(id=id), If_Modified_Since=date).status == 304
            assert served.get(path.format(id=id), If_Unmodified_Since=date).status == 200
        assert served.get(f"/original/{id}")["Last-Modified"] == written["Last-Modified"]


def test_a_date_that_was_just_given_is_true_of_a_range_and_of_writes(
    served: Served, photo: bytes, other_photo: bytes
) -> None:
    id = served.upload(photo)
    date = served.get(f"/original/{id}")["Last-Modified"]
    assert served.get(f"/original/{id}", Range="bytes=0-9", If_Range=date).status == 206
    replaced = served.put(id, other_photo, If_Unmodified_Since=date)
    assert replaced.status == 200
    assert served.put(id, photo, If_Unmodified_Since=date).status == 412
    assert served.delete(id, If_Unmodified_Since=date).status == 412
    assert served.delete(id, If_Unmodified_Since=replaced["Last-Modified"]).status == 204


@pytest.mark.parametrize("deletes", [True, False])
def test_the_date_of_another_picture_of_the_id_is_never_304(
    served: Served, photo: bytes, other_photo: bytes, deletes: bool
) -> None:
    """However soon it followed: each has a later date than all before it, as has each of its variants."""
    id = served.upload(photo)
    dates: dict[str, list[str]] = {path: [served.get(path.format(id=id))["Last-Modified"]] for path in DATED}
    for body in [other_photo, photo] * 5:
        if deletes:
            assert served.delete(id).status == 204
        assert served.put(id, body).status == (201 if deletes else 200)
        for path, earlier in dates.items():
            for date in earlier:
                assert served.get(path.format(id=id), If_Modified_Since=date).status == 200
            earlier.append(served.get(path.format(id=id))["Last-Modified"])
    for path, given in dates.items():
        assert sorted(given, key=parsedate_to_datetime) == given, path
        assert len(set(given)) == len(given)
