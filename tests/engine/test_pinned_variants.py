"""Keys and bytes of variants, written down: a change of code must not make a bucket render everything anew.

The digests are of the locked versions of Pillow and its codecs; an update of those may change them, and then
`PIPELINE_VERSION` has to be raised. AVIF and JPEG 2000 encode with floating point, so only their keys are pinned.
"""

import io
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymager import keys
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.recipe import recipe
from pymager.engine.render import render
from pymager.formats import Encoding
from pymager.names import parse_derived
from pymager.ports import Original

REVISION = "0" * 32
PINNED = [
    ("photo", "100x100.jpg", "e82aa8f7807f", "6dab5b09f0ffffd2d49f174e93d3c74b8ad033f97b7521a91c1aef6e47d53407"),
    ("photo", "80x60.jpg", "e82aa8f7807f", "ea25aacd951c8129d84b72fc044439f806c1f1f1ee3255f82a2e8b532c7638e5"),
    ("photo", "400x300.jpg", "e82aa8f7807f", "e8c01ec708505c0b255f11757d8b0ab33a533ab52f66752c858ac128c3c0e21f"),
    ("photo", "99x37.png", "90ac1671fd8b", "29dcb865399829206276e8a50b2aeeefb5515488c3ac7a4736a4e63d67d8ad0a"),
    ("photo", "64x64.webp", "fbf3891a6d1b", "9b8bb712f18330e9520b368426082e5eb94b2ce0c2dcadd17f17cb830418170f"),
    ("photo", "64x48.gif", "35d9fb3f4d7b", "4c4defb919d6bf67a2ad47905a7b089c4a3dc2c19a1ee933e74485d76471d049"),
    ("photo", "32x24.tiff", "d6d40929988c", "1ac2b6734e5861725bbd9a6ca32b6b5513e4765d20f6bd7700adb66fcd40d615"),
    ("photo", "33x21.bmp", "17b8cb8645d1", "13253d4b9cdbb4d933d808f6b2001d4015db219052afc6684796b04fe66f6c25"),
    ("photo", "16x16.ico", "0931ab110ee0", "5d2eace69c02a06f276c009f8db279f2cb655476080c03d08afe2860a3d444b2"),
    ("photo", "20x20.ppm", "854934b6ffd7", "921abe5a39a288cae5dfbf79a5c62f37592a74518276c4a48374b7c89322da8d"),
    ("photo", "21x22.tga", "75ec4ea369df", "31125d357a73f48d0130dcdc800de14964a4020866ef924cbea42fbcf6c6d962"),
    ("photo", "40x30.avif", "61db788868d6", "e9a16d779c43680ef0f9164e74bae90198a612ad9d485f542638a46eba2f38cc"),
    ("photo", "40x30.jp2", "df10e267833e", "93a5bbc223fcbe71c9e8b721e4133e9b796e4ac74c7c88594298548718bf1d73"),
    ("turned", "60x80.jpg", "e82aa8f7807f", "0fa68e4296024b40008fcc3507b18b4102b466d0a2bfecfe8663878d32aac85e"),
    ("turned", "50x50.webp", "fbf3891a6d1b", "c0c84d170dd83cf61d975e8e3220b72ff9d4e53400c23bc2ea0fc2f910073611"),
    ("clear", "70x50.jpg", "e82aa8f7807f", "61215afb079b50b2d2a90067fe405a42c40e9c6cb790d4e62bd5e4df8607e066"),
    ("clear", "70x50.png", "90ac1671fd8b", "0750fac1cb069ba880aa2a85b37d93fb4f943403eddd7e9a4a0c706e90e870fc"),
    ("clear", "70x50.webp", "fbf3891a6d1b", "448a8d4ffa41df21ba0772d0eb9ecf54bdd1e8f10e19b0afda0b861c5f2ddbf8"),
]
FLOATING_POINT = {"avif", "jp2"}


def _blocks() -> Image.Image:
    """400x300 pixels in blocks of 10x10, each of another color."""
    colors = np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(colors).resize((400, 300), Image.Resampling.NEAREST)


def _file(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def originals() -> dict[str, bytes]:
    blocks, turned = _blocks(), Image.Exif()
    turned[0x0112] = 6
    clear = blocks.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(blocks.size))
    return {
        "photo": _file(blocks, "JPEG", quality=90),
        "turned": _file(blocks, "JPEG", quality=90, exif=turned.tobytes()),
        "clear": _file(clear, "PNG"),
    }


@pytest.mark.parametrize(("id", "name", "fingerprint", "digest"), PINNED)
def test_a_variant_keeps_its_key_and_its_bytes(
    originals: dict[str, bytes], tmp_path: Path, id: str, name: str, fingerprint: str, digest: str
) -> None:
    _, variant = parse_derived(f"{id}-{name}")
    body = originals[id]
    row = Original(id, REVISION, "png" if id == "clear" else "jpeg", 1, 1, len(body), "", datetime.now(UTC))
    key = keys.derived_key(row, recipe(Encoding(), variant.format), variant)
    assert key == f"derived/{id}/{REVISION}/{fingerprint}/{name}"
    if variant.format in FLOATING_POINT:
        return
    path = tmp_path / "original"
    path.write_bytes(body)
    rendered = render(path, PictureLimits(("*",)), RenderJob(variant, Encoding()))
    assert sha256(rendered or body).hexdigest() == digest
