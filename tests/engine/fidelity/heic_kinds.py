"""Kinds of HEIC (ISO/IEC 23008-12), which no package here can write.

The files below are the patches at twice their size, encoded by libheif's `heif-enc` 1.15.1 with x265: quality 95 and
chroma 4:4:4 or 4:2:0; with 10 bits from a PNG of 16 bits; the last one from the PQ samples of `png_kinds.hdr`. All
other files are made from them by changing boxes.
"""

import base64
from functools import partial
from typing import Any

import numpy as np

from tests.engine.fidelity import boxes, patches, profiles
from tests.engine.fidelity.kind import Kind
from tests.engine.fidelity.other_kinds import spec

COLOR_444 = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFlAAEAAAAAAAAApwAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAwWlwcnAA"
    "AACjaXBjbwAAAHdodmNDAQQIAAAAAAAAAAAAHvAA/P/4+AAADwMgAAEAF0ABDAH//wQIAAADAJ44AAADAAAeugJAIQABACpCAQEECAAAAwCeOA"
    "AAAwAAHpAGEDCy3UklNc3AgIGBAAADAAEAAAMAAQgiAAEACEQBwXKGDAIkAAAAFGlzcGUAAAAAAAAAYAAAAGAAAAAQcGl4aQAAAAADCAgIAAAA"
    "FmlwbWEAAAAAAAAAAQABA4ECgwAAAK9tZGF0AAAAoygBrwa4Y7Dc/cQf//7+Dvof2R9DWpvOry+/KG7//1rL8LMr/FtZCH5OMH/9AFhACmh6Ft"
    "9BDf14LMP6zBbHyVvEsw/3Jgxk5nTf6vi//1qmcfIYHiF934mi4/X1AlfpwXN+ldKoQodzMyf8rDp3EvzgXVSne8pFhlMqbJL9u8ycuLZF0HfK"
    "2PokRaHRcW9tTxvpVwv+mAzL8f8LlZe9Bj/07y8="
)

COLOR_420 = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUJtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFmAAEAAAAAAAAApwAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAwmlwcnAA"
    "AACkaXBjbwAAAHhodmNDAQNwAAAAAAAAAAAAHvAA/P34+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQCEAAQArQgEBA3AAAAMAkA"
    "AAAwAAAwAeoDCBhZbqSSmubgQEDAgAAAMACAAAAwAIQCIAAQAHRAHBcrAiQAAAABRpc3BlAAAAAAAAAGAAAABgAAAAEHBpeGkAAAAAAwgICAAA"
    "ABZpcG1hAAAAAAAAAAEAAQOBAoMAAACvbWRhdAAAAKMoAa8GuGOw3P3EH//+/g76H9kfQ1qbzq8vvyhu//9ay/CzK/xbWQh+TjB//QBYQApoeh"
    "bfQQ39eCzD+swWx8lbxLMP9yYMZOZ03+r4v/9apnHyGB4hfd+JouP19QJX6cFzfpXSqEKHczMn/Kw6dxL84F1Up3vKRYZTKmyS/bvMnLi2RdB3"
    "ytj6JEWh0XFvbU8b6VcL/pgMy/H/C5WXvQY/9O8v"
)

TEN_BITS = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUJtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFmAAEAAAAAAAAAcgAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAwmlwcnAA"
    "AACkaXBjbwAAAHhodmNDAQQIAAAAAAAAAAAAHvAA/P/6+gAADwMgAAEAF0ABDAH//wQIAAADAJw4AAADAAAeugJAIQABACtCAQEECAAAAwCcOA"
    "AAAwAAHpAGEDCbLdSSU1zcCAgYEAAAAwAQAAADABCAIgABAAhEAcFyhgwCJAAAABRpc3BlAAAAAAAAAGAAAABgAAAAEHBpeGkAAAAAAwoKCgAA"
    "ABZpcG1hAAAAAAAAAAEAAQOBAoMAAAB6bWRhdAAAAG4oAa8GuGOw3P1y3//+/g76H9lIY1qbzq8vvyo1//9bvc0kr/F2EyH5OMH/9A4e6U0PQu"
    "Ezhv8fxBP+Pkax8pqHT0/8b3twO9/G9e/+PnO72fbg2iBMz5gw3sWYN9It1/0wFZ2BfelkN1+5H97Njg=="
)

ALPHA = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAkRtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAANGlsb2MAAAAAREAAAgABAAAAAAJoAAEAAAAAAAAApwACAAAAAAMPAAEAAAAAAAAARQAAADhpaW5mAAAAAAACAAAAFWluZmUCAAAA"
    "AAEAAGh2YzEAAAAAFWluZmUCAAAAAAIAAGh2YzEAAAABg2lwcnAAAAFeaXBjbwAAAHdodmNDAQQIAAAAAAAAAAAAHvAA/P/4+AAADwMgAAEAF0"
    "ABDAH//wQIAAADAJ44AAADAAAeugJAIQABACpCAQEECAAAAwCeOAAAAwAAHpAGEDCy3UklNc3AgIGBAAADAAEAAAMAAQgiAAEACEQBwXKGDAIk"
    "AAAAFGlzcGUAAAAAAAAAYAAAAGAAAAAQcGl4aQAAAAADCAgIAAAAcmh2Y0MBBAgAAAAAAAAAAAAe8AD8/Pj4AAAPAyAAAQAXQAEMAf//BAgAAA"
    "MAn/gAAAMAAB66AkAhAAEAJkIBAQQIAAADAJ/4AAADAAAewMIGFlupJKa5sCAAAAMAIAAAAwAhIgABAAdEAcFysCJAAAAAFGlzcGUAAAAAAAAA"
    "YAAAAGAAAAAOcGl4aQAAAAABCAAAACdhdXhDAAAAAHVybjptcGVnOmhldmM6MjAxNTphdXhpZDoxAAAAAB1pcG1hAAAAAAAAAAIAAQOBAoMAAg"
    "SEBYaHAAAAGmlyZWYAAAAAAAAADmF1eGwAAgABAAEAAAD0bWRhdAAAAKMoAa8GuGOw3P3EH//+/g76H9kfQ1qbzq8vvyhu//9ay/CzK/xbWQh+"
    "TjB//QBYQApoehbfQQ39eCzD+swWx8lbxLMP9yYMZOZ03+r4v/9apnHyGB4hfd+JouP19QJX6cFzfpXSqEKHczMn/Kw6dxL84F1Up3vKRYZTKm"
    "yS/bvMnLi2RdB3ytj6JEWh0XFvbU8b6VcL/pgMy/H/C5WXvQY/9O8vAAAAQSgBrg1wfCDp/5dk9ygcT+5uTwAP+7SnSuwB86ehPeoyLRhS0trH"
    "yEp0enXR4z+4I7uif52KCTf+ZuYIXn/p3f3A"
)

PQ_TEN_BITS = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUJtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFmAAEAAAAAAAAAbgAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAwmlwcnAA"
    "AACkaXBjbwAAAHhodmNDAQQIAAAAAAAAAAAAHvAA/P/6+gAADwMgAAEAF0ABDAH//wQIAAADAJw4AAADAAAeugJAIQABACtCAQEECAAAAwCcOA"
    "AAAwAAHpAGEDCbLdSSU1zcCAgYEAAAAwAQAAADABCAIgABAAhEAcFyhgwCJAAAABRpc3BlAAAAAAAAAGAAAABgAAAAEHBpeGkAAAAAAwoKCgAA"
    "ABZpcG1hAAAAAAAAAAEAAQOBAoMAAAB2bWRhdAAAAGooAa8GuGOw3P+j6P//997vofo16Nam7D8PvpZv//pryKKV+ubJkPkqA//G2UulNDxYEz"
    "hv3wfE/rzWseceHT0/8cmlwO99dkP/xXXu6ESg2iBMztC1fGmRvGl2/0aLCQnvtfjtWYx+2Rjg"
)


def seen(pixels: Any = patches.RGB) -> list[tuple[int, ...]]:
    return patches.middles(patches.picture(np.ascontiguousarray(pixels)))


def edited(*properties: bytes, data: bytes = COLOR_444) -> bytes:
    return boxes.with_properties(data, *properties, replace=(b"colr",))


def cropped(
    width: int, height: int, x: tuple[int, int], y: tuple[int, int], *more: bytes, data: bytes = COLOR_444
) -> bytes:
    return edited(boxes.clean_aperture(width, height, x, y), *more, data=data)


QUARTER, MIRROR = boxes.box(b"irot", b"\1"), boxes.box(b"imir", b"\1")
BIG = np.repeat(np.repeat(patches.RGB, 2, axis=0), 2, axis=1)

KINDS = [
    Kind("444.heic", lambda: COLOR_444, "libheif", 4),
    Kind("420.heic", lambda: COLOR_420, "libheif", 4),
    Kind("10-bits.heic", lambda: TEN_BITS, "libheif", 4),
    Kind("alpha.heic", lambda: ALPHA, "libheif", 4),
    Kind("turned.heic", partial(edited, QUARTER), "libheif", 4),
    Kind("turned-twice.heic", partial(edited, boxes.box(b"irot", b"\2")), "libheif", 4),
    Kind("mirrored.heic", partial(edited, MIRROR), "libheif", 4),
    Kind("cropped.heic", partial(cropped, 64, 32, (-16, 1), (0, 1)), "libheif", 4),
    Kind("cropped-420.heic", partial(cropped, 64, 32, (-16, 1), (0, 1), data=COLOR_420), "libheif", 4),
    Kind("cropped-odd.heic", partial(cropped, 63, 33, (-33, 2), (-1, 2)), "libheif", 4),
    Kind("cropped-odd-420.heic", partial(cropped, 63, 33, (-33, 2), (-1, 2), data=COLOR_420), "libheif", 4),
    Kind("cropped-and-turned.heic", partial(cropped, 64, 32, (-16, 1), (0, 1), QUARTER), "libheif", 4),
    Kind("display-p3.heic", partial(edited, boxes.code_points(12, 13, 6)), "like display-p3.avif", 5),
    Kind("icc-display-p3.heic", partial(edited, boxes.box(b"colr", b"prof" + profiles.DISPLAY_P3)), "like icc.avif", 5),
    Kind("pq.heic", partial(edited, boxes.code_points(1, 16, 6), data=PQ_TEN_BITS), "spec", 8, expected=spec),
    Kind("cut.heic", lambda: COLOR_444[:-60], refused="incomplete|damaged"),
]
