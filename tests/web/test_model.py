"""The service against a simple model: any sequence of requests has the statuses and bytes that the model predicts."""

import io
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from PIL import Image

from tests.web import model
from tests.web.model import PICTURES, Picture, Shelf, canonical
from tests.web.served import FORM, WRITER, Response, Served, form, send, serving

IDS = st.sampled_from(["a", "b", "a-1x1", "caf\u00e9", "cafe\u0301", "猫", "A"])
KEPT = st.sampled_from(PICTURES)
SENT = st.sampled_from([*PICTURES, *PICTURES, None])
TAGS = [picture.tag for picture in PICTURES]
READS = st.sampled_from(["GET", "GET", "HEAD"])
NAMES = st.sampled_from(["8x8.png", "8x8.jpg", "8x8.JPEG", "32x24.jpg", "20x30.png", "3x40.webp", "600x600.bmp"])
PAGES = st.integers(1, 4)
NUMBERS = st.none() | st.integers(0, 900)
RUBBISH = b"no picture at all"


def conditions(*names: str) -> st.SearchStrategy[dict[str, str]]:
    """Any of these headers, each with one value; `own` stands for the original's current tag."""
    tags = st.sampled_from(["*", "own", "W/own", '"x"', *TAGS])
    dates = st.sampled_from([model.LONG_AGO, model.FAR_AHEAD, "no date"])
    values = {name: tags if name.endswith("Match") else dates for name in names}
    return st.just({}) | st.fixed_dictionaries({}, optional=values)


WRITE_CONDITIONS = conditions("If-Match", "If-None-Match", "If-Unmodified-Since")
READ_CONDITIONS = conditions("If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since")


class Contract(RuleBasedStateMachine):
    """Sends the same requests to the server and to the model."""

    served: Served
    drawn: dict[tuple[str, str], str] = {}  # by picture and name: a rendering is the same for ever  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()
        self.seen: dict[str, tuple[int, Response]] = {}  # by path: the upload it was of, and what was answered
        self.connection = self.served.connected()

    def teardown(self) -> None:
        """Leave nothing for the next example, even if the model and the server disagree."""
        with closing(self.served.connected()) as connection:
            for item in send(connection, "GET", "/original?limit=1000", WRITER).json["items"]:
                send(connection, "DELETE", f"/original/{quote(item['id'])}", WRITER)
        self.connection.close()

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        return send(self.connection, method, path, headers, body)

    def meant(self, id: str, conditions: dict[str, str]) -> dict[str, str]:
        """The conditions with the original's current tag."""
        tag = self.shelf.tag(id) or '"none"'
        return {name: value.replace("own", tag) for name, value in conditions.items()}

    def listed(self, query: str) -> Response:
        return self.request("GET", f"/original{query}", WRITER)

    @rule(id=IDS, picture=SENT)
    def post(self, id: str, picture: Picture | None) -> None:
        body = form(RUBBISH if picture is None else picture.body)
        response = self.request("POST", f"/original/{quote(id)}", WRITER | FORM, body)
        assert response.status == self.shelf.post(id, picture)

    @rule(picture=KEPT)
    def post_without_id(self, picture: Picture) -> None:
        response = self.request("POST", "/original", WRITER | FORM, form(picture.body))
        assert response.status == 201
        assert response.json["id"] not in self.shelf.rows
        self.shelf.keep(response.json["id"], picture)

    @rule(id=IDS, picture=SENT, conditions=WRITE_CONDITIONS)
    def put(self, id: str, picture: Picture | None, conditions: dict[str, str]) -> None:
        body = RUBBISH if picture is None else picture.body
        conditions = self.meant(id, conditions)
        response = self.request("PUT", f"/original/{quote(id)}", WRITER | conditions, body)
        assert response.status == self.shelf.put(id, picture, conditions)

    @rule(id=IDS, conditions=WRITE_CONDITIONS)
    def delete(self, id: str, conditions: dict[str, str]) -> None:
        conditions = self.meant(id, conditions)
        response = self.request("DELETE", f"/original/{quote(id)}", WRITER | conditions)
        assert response.status == self.shelf.delete(id, conditions)

    @rule(id=IDS, picture=KEPT, count=st.integers(2, 4))
    def post_at_once(self, id: str, picture: Picture, count: int) -> None:
        with ThreadPoolExecutor(count) as pool:
            path = f"/original/{quote(id)}"
            found = sorted(pool.map(lambda _: self.served.post(path, picture.body).status, range(count)))
        assert found == sorted(self.shelf.post(id, picture) for _ in range(count))

    @rule(id=IDS, name=NAMES)
    def delete_while_it_is_rendered(self, id: str, name: str) -> None:
        path = f"/derived/{quote(id)}-{name}"
        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(self.served.get, path) for _ in range(2)]
            deleted = self.served.delete(quote(id)).status
            assert {reader.result().status for reader in readers} <= {200, 404}
        assert deleted == self.shelf.delete(id, {})
        assert self.request("GET", path).status == 404

    @rule(id=IDS, method=READS, conditions=READ_CONDITIONS)
    def read(self, id: str, method: str, conditions: dict[str, str]) -> None:
        conditions = self.meant(id, conditions)
        is_dated_ahead = self.is_dated_ahead(id)
        response = self.request(method, f"/original/{quote(id)}", conditions)
        row = self.shelf.row(id)
        if row is None:
            assert response.status == 404
            return
        if is_dated_ahead and conditions.get("If-Modified-Since") == model.FAR_AHEAD:
            conditions = conditions | {"If-Modified-Since": model.FAR_AHEAD if response.status == 304 else "no date"}
        assert response.status == model.read(row.picture.tag, conditions)
        if response.status == 200:
            assert response["ETag"] == row.picture.tag
            assert response["Content-Length"] == str(len(row.picture.body))
            assert response.body == (b"" if method == "HEAD" else row.picture.body)

    def is_dated_ahead(self, id: str) -> bool:
        """Whether the date is not over yet: a picture that replaced another one is dated up to two seconds ahead.

        Until then, a date far ahead can be older or newer than the picture, for all that a client can know.
        """
        modified = self.request("HEAD", f"/original/{quote(id)}").headers.get("Last-Modified")
        return modified is not None and parsedate_to_datetime(modified).timestamp() > time.time()

    @rule(id=IDS, first=NUMBERS, last=NUMBERS, tag=st.none() | st.sampled_from([*TAGS, "own"]))
    def read_range(self, id: str, first: int | None, last: int | None, tag: str | None) -> None:
        row = self.shelf.row(id)
        if row is None or (first is None and last is None):
            return
        tag = row.picture.tag if tag == "own" else tag
        span = f"{'' if first is None else first}-{'' if last is None else last}"
        headers = {"Range": f"bytes={span}"} | ({} if tag is None else {"If-Range": tag})
        response = self.request("GET", f"/original/{quote(id)}", headers)
        status, body = model.ranged(row.picture.body, first, last)
        if tag not in (None, row.picture.tag):
            status, body = 200, row.picture.body
        assert response.status == status
        assert status == 416 or response.body == body

    @rule(id=IDS)
    def info(self, id: str) -> None:
        response = self.request("GET", f"/info/{quote(id)}")
        row = self.shelf.row(id)
        assert response.status == (404 if row is None else 200)
        if row is not None:
            self.assert_described(response.json, canonical(id), row.picture)

    @rule(id=IDS, name=NAMES, method=READS)
    def derived(self, id: str, name: str, method: str) -> None:
        path = f"/derived/{quote(id)}-{name}"
        response = self.request(method, path)
        row = self.shelf.row(id)
        assert response.status == (404 if row is None else 200)
        if row is not None and method == "GET":
            self.assert_drawn(response, row.picture, name)
            self.seen[path] = (row.number, response)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), by_tag=st.booleans())
    def derived_again(self, data: st.DataObject, by_tag: bool) -> None:
        """With an earlier validator: it is never 304 after a delete or a replace."""
        changed = [path for path, (number, _) in self.seen.items() if self.is_another(path, number)]
        path = data.draw(st.sampled_from(sorted(changed or self.seen)))
        number, old = self.seen[path]
        condition = {"If-None-Match": old["ETag"]} if by_tag else {"If-Modified-Since": old["Last-Modified"]}
        response = self.request("GET", path, condition)
        row = self.shelf.row(id_in(path))
        if row is None:
            assert response.status == 404
        elif row.number != number:
            assert response.status == 200
        else:
            assert response.status == 304
        if response.status == 200 and row is not None:
            self.assert_drawn(response, row.picture, path.rpartition("-")[2])

    def is_another(self, path: str, number: int) -> bool:
        row = self.shelf.row(id_in(path))
        return row is not None and row.number != number

    @rule(limit=PAGES)
    def listing(self, limit: int) -> None:
        items, query = [], f"?limit={limit}"
        while query:
            page = self.listed(query).json
            assert len(page["items"]) <= limit
            items += page["items"]
            query = page["next"] and f"?limit={limit}&cursor={quote(page['next'])}"
        assert sorted(item["id"] for item in items) == sorted(self.shelf.rows)
        for item in items:
            self.assert_described(item, item["id"], self.shelf.rows[item["id"]].picture)

    def assert_described(self, item: dict[str, Any], id: str, picture: Picture) -> None:
        expected = (id, picture.format, picture.width, picture.height, len(picture.body), picture.tag.strip('"'))
        assert tuple(item[name] for name in ("id", "format", "width", "height", "size", "sha256")) == expected

    def assert_drawn(self, response: Response, picture: Picture, name: str) -> None:
        found = sha256(response.body).hexdigest()
        expected = self.drawn.get((picture.name, name))
        if expected is None:
            assert_color(response.body, name, picture)
            expected = self.drawn[picture.name, name] = found
        assert found == expected
        assert response["Content-Length"] == str(len(response.body))


def assert_color(body: bytes, name: str, picture: Picture) -> None:
    with Image.open(io.BytesIO(body)) as shown:
        assert f"{shown.width}x{shown.height}" == name.partition(".")[0]
        average = shown.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(average, tuple)
    assert max(abs(one - other) for one, other in zip(average, picture.color, strict=True)) < 15


def id_in(path: str) -> str:
    return unquote(path.removeprefix("/derived/").rpartition("-")[0])


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, log: object) -> Iterator[Served]:
    """A server whose memory cache holds small variants and no large ones."""
    with serving(tmp_path_factory.mktemp("model"), memory_cache=128 << 10, workers=2) as served:
        yield served


def test_any_sequence_of_requests_has_the_responses_of_the_model(own: Served) -> None:
    Contract.served = own
    run_state_machine_as_test(
        Contract,
        settings=settings(
            max_examples=250, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
