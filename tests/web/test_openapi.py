"""`/openapi.json` and the program agree: schemathesis sends what the document allows, and what it does not."""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from pymager.formats import OUTPUTS
from pymager.joiners import misplaced_joiner
from pymager.variants.signatures import Keyring
from pymager.web.openapi.document import document
from pymager.web.openapi.schemas import EXPIRY, SIGNATURE
from tests.pictures import jpeg
from tests.web.model import FAR_AHEAD, LONG_AGO
from tests.web.served import WRITER, Served, serving

PICTURES = (jpeg(16, 12), jpeg(12, 16))
KNOWN = ("cat", "a-1x1", "猫", "cafe\u0301", "می\u200cخواهم", "അവന്\u200d")
LETTERS = st.characters(categories=["L", "M", "Nd"], include_characters="_-")
IDS = st.sampled_from(KNOWN) | st.text(LETTERS, min_size=1, max_size=40)
SIZES = st.integers(1, 40)
TAGS = st.sampled_from(["*", '"x"', *(f'"{sha256(picture).hexdigest()}"' for picture in PICTURES)])
DATES = st.sampled_from([LONG_AGO, FAR_AHEAD, "no date"])
CURSOR = "next"

schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
schemathesis.openapi.format("original-id", IDS)
schemathesis.openapi.format(
    "derived-name",
    st.builds("{}-{}x{}.{}".format, IDS, SIZES, SIZES, st.sampled_from([*sorted(OUTPUTS), "JPG"])),
)
schemathesis.openapi.format("entity-tags", TAGS)
schemathesis.openapi.format("http-date", DATES)
schemathesis.openapi.format("entity-tag-or-date", TAGS | DATES)
schemathesis.openapi.format(
    "byte-ranges", st.sampled_from(["bytes=0-9", "bytes=-5", "bytes=9-", "bytes=99999-", "x=1"])
)
schemathesis.openapi.format("cursor", st.just(CURSOR))

KEY = bytes(range(32))
EXPIRES = "4102444800"
_PATTERNS = {parameter["name"]: str(parameter["schema"]["pattern"]) for parameter in (EXPIRY, SIGNATURE)}
schemathesis.openapi.format("signature", st.just("x" * 43))
schemathesis.openapi.format("expiry", st.just(EXPIRES))

CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "409", "412", "416"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "409", "412", "415"]},
}
contract = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig.from_dict({"checks": CHECKS}))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("openapi"), workers=2, signing_keys=KEY.hex()) as server:
        yield server


@pytest.fixture(scope="module")
def cursor(own: Served) -> str:
    """A cursor of the listing; it stays valid while originals are added and deleted."""
    for _ in range(3):
        own.upload(PICTURES[0])
    return str(own.request("GET", "/original?limit=2", WRITER).json["next"])


@pytest.fixture
def stocked(own: Served) -> Served:
    """The server with the known originals, whatever an earlier example deleted."""
    for id in KNOWN:
        assert own.put(quote(id), PICTURES[0]).status in (200, 201)
    return own


def test_the_document_is_served(served: Served) -> None:
    assert served.get("/openapi.json").json == document()


@contract.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_responds_as_documented(case: Any, stocked: Served, cursor: str) -> None:
    if (case.query or {}).get("cursor") == CURSOR:
        case.query["cursor"] = cursor
    sign(case)
    excluded = [negative_data_rejection] if is_taken_for_wrong(case) else []
    if misplaced_joiner(unicodedata.normalize("NFC", path_of(case))) is not None:
        excluded.append(positive_data_acceptance)  # the pattern cannot say where joiners are allowed
    case.call_and_validate(base_url=stocked.url, headers=WRITER, excluded_checks=excluded)


def sign(case: Any) -> None:
    """Sign a URL that has well-formed parameters of a signature: nobody can guess one."""
    query = case.query or {}
    given = {name: query[name] for name in ("exp", "sig") if name in query}
    if not given or not all(re.fullmatch(_PATTERNS[name], str(value)) for name, value in given.items()):
        return
    query.pop("sig", None)
    if "exp" in query:
        query["exp"] = EXPIRES
    arguments = case.as_transport_kwargs(base_url="http://localhost")
    target = requests.Request(arguments["method"], arguments["url"], params=arguments["params"]).prepare().path_url
    query["sig"] = Keyring([KEY]).sign(target).rpartition("sig=")[2]


def is_taken_for_wrong(case: Any) -> bool:
    r"""Whether schemathesis may believe that a request breaks the document where no server could see that it does.

    On the wire every field of a form is a string, also a number; and it does not know all letters that are `\p{L}`.
    """
    return case.method == "POST" or not path_of(case).isascii()


def path_of(case: Any) -> str:
    """What the request puts into the path."""
    return "".join(map(str, (case.path_parameters or {}).values()))
