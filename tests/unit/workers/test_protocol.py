"""What the server accepts as the answer about an upload, from a worker that a picture may have taken over."""

import json
from typing import Any

import pytest

from pymager.engine.jobs import Header, Inspection
from pymager.engine.protocol import (
    ANSWER_HEADER,
    ProtocolError,
    header_answer,
    inspection_answer,
    read_header,
    read_inspection,
)
from pymager.ports import MAX_PLACEHOLDER_LENGTH, Description

DESCRIPTION = Description(3, True, "#0a1b2c", "3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "LEHV6nWB2yk8pyo0adR*.7kCMdnj")
MAX_FRAMES = 1_000
INSPECTION = Inspection("jpeg", 640, 480, DESCRIPTION)


def payload(inspection: Inspection) -> bytes:
    return inspection_answer(inspection)[ANSWER_HEADER.size :]


def changed(**fields: Any) -> bytes:
    """The answer with other values in the description, or in the inspection."""
    content = json.loads(payload(INSPECTION))
    for name, value in fields.items():
        (content if name in content else content["description"])[name] = value
    return json.dumps(content).encode()


def test_an_inspection_comes_back() -> None:
    assert read_inspection(payload(INSPECTION), 3) == INSPECTION
    assert read_inspection(changed(alpha=False, frames=1, blurhash="T" + "~" * 27), 1).description.alpha is False


@pytest.mark.parametrize(
    "fields",
    [
        {"width": True},
        {"width": 1.0},
        {"height": 0},
        {"height": 1 << 31},
        {"format": ""},
        {"format": "j\npeg"},
        {"description": None},
        {"description": {}},
        {"description": [3, True, "#0a1b2c", "", ""]},
        {"frames": 0},
        {"frames": -1},
        {"frames": 1 << 31},
        {"frames": MAX_FRAMES + 1},
        {"frames": True},
        {"frames": "3"},
        {"frames": None},
        {"alpha": 1},
        {"alpha": "true"},
        {"alpha": None},
        {"dominant": "#0A1B2C"},
        {"dominant": "red"},
        {"dominant": "#0a1b2c\n"},
        {"dominant": "#0a1b2c00"},
        {"dominant": None},
        {"thumbhash": ""},
        {"thumbhash": "AAA"},
        {"thumbhash": "A=AA"},
        {"thumbhash": "AAAA\n"},
        {"thumbhash": "AA-_"},
        {"thumbhash": "A" * 40},
        {"thumbhash": "<script>alert(1)</script>"},
        {"blurhash": ""},
        {"blurhash": "L" * 27},
        {"blurhash": "L" * 29},
        {"blurhash": "M" * 28},
        {"blurhash": "L" * 27 + "\n"},
        {"blurhash": "L" * 27 + '"'},
        {"blurhash": "L" * 27 + "é"},
    ],
    ids=str,
)
def test_an_answer_that_no_worker_gives_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        read_inspection(changed(**fields), MAX_FRAMES)


def test_a_header_comes_back() -> None:
    header = Header("jpeg", 640, 480)
    assert read_header(header_answer(header)[ANSWER_HEADER.size :]) == header


@pytest.mark.parametrize(
    "fields", [{"format": ""}, {"format": "\n"}, {"width": 0}, {"height": "9"}, {"width": 1 << 31}]
)
def test_a_header_that_no_worker_gives_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        read_header(json.dumps({"format": "jpeg", "width": 1, "height": 1} | fields).encode())


def test_the_longest_accepted_texts_fit_into_a_row() -> None:
    longest = "A" * 32 + "AAA="
    assert read_inspection(changed(thumbhash=longest), MAX_FRAMES).description.thumbhash == longest
    assert len(longest) <= MAX_PLACEHOLDER_LENGTH
    with pytest.raises(ProtocolError):
        read_inspection(changed(thumbhash="AAAA" + longest), MAX_FRAMES)
