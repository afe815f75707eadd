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
from pymager.ports import Original
from tests.urls import parse_derived

REVISION = "0" * 32
PINNED = [
    ("photo", "100x100.jpg", "99f6d43f0c6c", "6dab5b09f0ffffd2d49f174e93d3c74b8ad033f97b7521a91c1aef6e47d53407"),
    ("photo", "80x60.jpg", "99f6d43f0c6c", "ea25aacd951c8129d84b72fc044439f806c1f1f1ee3255f82a2e8b532c7638e5"),
    ("photo", "400x300.jpg", "99f6d43f0c6c", "e8c01ec708505c0b255f11757d8b0ab33a533ab52f66752c858ac128c3c0e21f"),
    ("photo", "99x37.png", "dbd510f1dcf9", "29dcb865399829206276e8a50b2aeeefb5515488c3ac7a4736a4e63d67d8ad0a"),
    ("photo", "240x180.png", "dbd510f1dcf9", "0c8dab19849c4872eb4abfebdc00455db7d37831e6debe7f2ee7989bd2aa8cae"),
    ("photo", "64x64.webp", "0791af3cf59f", "5e2795d37e8782e484f0c134137f2c66855b0129803d815052772ecc7631767d"),
    ("photo", "64x48.gif", "ac8ae8d14514", "4c4defb919d6bf67a2ad47905a7b089c4a3dc2c19a1ee933e74485d76471d049"),
    ("photo", "32x24.tiff", "4769baac2d59", "d70d146807acf8a38b5404317461f930caf8d159ea8ae3c3b7160c357ad91b27"),
    ("photo", "33x21.bmp", "c9191e12de0f", "ba93ab745196d85531f426b81fc924d2a2e88a07ad829d631906bddada021905"),
    ("photo", "16x16.ico", "a389da63df03", "88773b6b6617be20dbe171d1b3b98e195f6d2f87d6d55d72f69db463131e73f3"),
    ("photo", "20x20.ppm", "0225fdb6bfb0", "7dab720e10c4e63dfd3e703076bfe0659055223ffe430b7d97f437c3a551cd6c"),
    ("photo", "21x22.tga", "00c723e97b68", "3f16f8131a2bb57405f70e756e25ae97b0cb8b089211e7499b13345be87782c0"),
    ("photo", "40x30.avif", "ce2f91f1dd8d", "e9a16d779c43680ef0f9164e74bae90198a612ad9d485f542638a46eba2f38cc"),
    ("photo", "40x30.jp2", "1219a932c089", "93a5bbc223fcbe71c9e8b721e4133e9b796e4ac74c7c88594298548718bf1d73"),
    ("turned", "60x80.jpg", "99f6d43f0c6c", "0fa68e4296024b40008fcc3507b18b4102b466d0a2bfecfe8663878d32aac85e"),
    ("turned", "50x50.webp", "0791af3cf59f", "d5d43e8ca7e33f1d270fea6d81db03ae3c328ffc9d6aa362b0e1428e001f3dc6"),
    ("clear", "70x50.jpg", "99f6d43f0c6c", "61215afb079b50b2d2a90067fe405a42c40e9c6cb790d4e62bd5e4df8607e066"),
    ("clear", "70x50.png", "dbd510f1dcf9", "0750fac1cb069ba880aa2a85b37d93fb4f943403eddd7e9a4a0c706e90e870fc"),
    ("clear", "70x50.webp", "0791af3cf59f", "7d21958a639486f438df8f714ed3757d4ec2bf1e84e758be1a1e07b27d04b64a"),
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
