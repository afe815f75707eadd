"""`/openapi.json` and the program agree: schemathesis sends what the document allows, and what it does not."""

import itertools
import re
import string
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from pymager.formats import OUTPUTS, output_of
from pymager.joiners import misplaced_joiner
from pymager.variants.options import BY_NAME, COMPASS, FITS, SMART
from pymager.variants.signatures import Keyring
from pymager.variants.variant import AUTO
from pymager.web.openapi.document import document
from pymager.web.openapi.schemas import EXPIRY, SIGNATURE
from tests.pictures import encoded, jpeg, photograph
from tests.web.model import FAR_AHEAD, LONG_AGO
from tests.web.served import WRITER, Served, serving

PICTURES = (jpeg(16, 12), jpeg(12, 16))
TRANSPARENT = encoded(Image.new("RGBA", (16, 12), (200, 40, 40, 128)), "PNG")
MOVING = encoded(photograph(16, 12), "GIF", save_all=True, append_images=[photograph(16, 12, seed=1)], duration=50)
KNOWN = ("cat", "a-1x1", "猫", "cafe\u0301", "می\u200cخواهم", "അവന്\u200d")
LETTERS = st.characters(categories=["L", "M", "Nd"], include_characters="_-")
IDS = st.sampled_from(KNOWN) | st.text(LETTERS, min_size=1, max_size=40)
SIZES = st.integers(1, 40)
TAGS = st.sampled_from(["*", '"x"', *(f'"{sha256(picture).hexdigest()}"' for picture in PICTURES)])
DATES = st.sampled_from([LONG_AGO, FAR_AHEAD, "no date"])
CURSOR = "next"

schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
schemathesis.openapi.format("original-id", IDS)
WATERMARKS = "logo:image=cat;lost:image=nothing"
PRESETS = "thumb:16x16,gravity=north;wide_2:x20,q=50"
WHICH = st.builds("-{}x{}".format, SIZES, SIZES) | st.sampled_from(["-20x", "-x20", "@thumb", "@wide_2", "@none"])
EXTENSIONS = st.sampled_from([*sorted(OUTPUTS), AUTO, "JPG", "Auto"])
schemathesis.openapi.format("derived-name", st.builds("{}{}.{}".format, IDS, WHICH, EXTENSIONS))
# Every value is one that the option takes, for the pictures here; the patterns of the document allow more.
VALUES = {
    "fit": st.sampled_from([*FITS, "Cover"]),
    "enlarge": st.sampled_from(["true", "false", "TRUE"]),
    "gravity": st.sampled_from([*COMPASS, SMART, "NorthEast", "0.3,0.75", "0,1.0"]),
    "dpr": st.sampled_from(["1", "1.25", "2.0", "4"]),
    "q": st.integers(1, 100).map(str),
    "bg": st.sampled_from(["ff0000", "FF000080", "00000000"]),
    "crop": st.sampled_from(["0,0,8,8", "2,1,100,100", "10p,0,50p,100p", "0.5p,12.5P,99p,200p"]),
    "trim": st.integers(0, 255).map(str),
    "rotate": st.sampled_from(["0", "90", "180", "270"]),
    "flip": st.sampled_from(["h", "v", "HV"]),
    "blur": st.sampled_from(["0.3", "2.50", "100"]),
    "sharpen": st.sampled_from(["0.3", "1.5", "10"]),
    "gray": st.sampled_from(["true", "false"]),
    "watermark": st.sampled_from(["logo", "LOGO", "lost"]),
    "animated": st.sampled_from(["true", "false"]),
    "frame": st.sampled_from(["0", "00", "7"]),
    "v": st.text(string.ascii_letters),
}
for name, values in VALUES.items():
    schemathesis.openapi.format(f"option-{name}", values)
schemathesis.openapi.format("entity-tags", TAGS)
schemathesis.openapi.format("http-date", DATES)
schemathesis.openapi.format("entity-tag-or-date", TAGS | DATES)
schemathesis.openapi.format(
    "byte-ranges", st.sampled_from(["bytes=0-9", "bytes=-5", "bytes=9-", "bytes=99999-", "x=1"])
)
SIGNABLE = ["/derived/cat-800x600.jpg", "/original/cat", "/info/猫", "/derived/cat@thumb.webp"]
schemathesis.openapi.format("url-to-sign", st.sampled_from(SIGNABLE))
schemathesis.openapi.format("page-file", st.sampled_from(["app.css", "app.js", "nothing.js"]))
schemathesis.openapi.format("id-prefix", st.sampled_from(["c", "cat", "猫", "a-1", ""]))
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
    allowed = {"options": "*", "presets": PRESETS, "watermarks": WATERMARKS, "signing_keys": KEY.hex()}
    with serving(tmp_path_factory.mktemp("openapi"), workers=2, **allowed) as server:
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
    for id, picture in zip(KNOWN, itertools.cycle((PICTURES[0], MOVING, TRANSPARENT)), strict=False):
        assert own.put(quote(id), picture).status in (200, 201)
    return own


def test_the_document_is_served(served: Served) -> None:
    assert served.get("/openapi.json").json == document()


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_document_has_every_option_in_any_case(method: str) -> None:
    parameters = document()["paths"]["/derived/{name}"][method]["parameters"]
    in_query = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    assert in_query == [*BY_NAME, "v", "exp", "sig"]
    for parameter in parameters:
        if option := BY_NAME.get(parameter["name"]):
            assert option.takes in parameter["description"]
            for choice in option.choices:
                for spelled in (choice, choice.upper(), choice.title()):
                    assert re.search(parameter["schema"]["pattern"], spelled), (option.name, spelled)


@contract.exclude(path="/derived/{name}").parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_responds_as_documented(case: Any, stocked: Served, cursor: str) -> None:
    if (case.query or {}).get("cursor") == CURSOR:
        case.query["cursor"] = cursor
    call_and_validate(case, stocked)


@contract.include(path="/derived/{name}").parametrize()
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_variants_with_options_respond_as_documented(case: Any, stocked: Served) -> None:
    if case.meta.generation.mode.is_positive:
        drop_what_excludes(case)
    call_and_validate(case, stocked)


def call_and_validate(case: Any, server: Served) -> None:
    sign(case)
    excluded = [negative_data_rejection] if is_taken_for_wrong(case) else []
    if not case.meta.generation.mode.is_positive:
        excluded.append(positive_data_acceptance)  # what it means to be wrong can be right by chance
    elif misplaced_joiner(unicodedata.normalize("NFC", path_of(case))) is not None:
        excluded.append(positive_data_acceptance)  # the pattern cannot say where joiners are allowed
    case.call_and_validate(base_url=server.url, headers=WRITER, excluded_checks=excluded)


def drop_what_excludes(case: Any) -> None:
    """Drop the options that others exclude, and watermarks that are not in the settings: no pattern can say that."""
    query, name = case.query or {}, path_of(case)
    if "@" in name:
        for option in set(query) & set(BY_NAME) - {"dpr"}:
            del query[option]
    extension = name.rpartition(".")[2].lower()
    if extension != AUTO and not output_of(OUTPUTS[extension].name).quality_setting:
        query.pop("q", None)
    if str(query.get("watermark")).lower() not in ("logo", "lost"):
        query.pop("watermark", None)
    if str(query.get("animated")).lower() == "true":
        query.pop("frame", None)


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
    """What the request puts into the path, decoded: schemathesis has encoded some of its wrong values already."""
    return unquote("".join(map(str, (case.path_parameters or {}).values())))
