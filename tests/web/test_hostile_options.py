"""Every option and format with originals that are hostile or extreme: an answer, and never a 5xx."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pymager import composition, keys
from pymager.formats import OUTPUTS, output_of
from pymager.operations.prepare import prepare
from pymager.ports import Original
from tests.engine import moving
from tests.engine.fidelity import patches
from tests.engine.hostile import HARMLESS, HOSTILE
from tests.engine.test_animations import TRICKY_APNGS, TRICKY_GIFS, TRICKY_WEBPS
from tests.pairwise import Case, pairwise
from tests.pictures import encoded, jpeg, photograph
from tests.web.served import Served, serving, settings_for

LIMITS = {
    "max_animation_pixels": 400_000,
    "max_animation_source_pixels": 4_000_000,
    "watermarks": "logo:image=brand,scale=0.5;huge:image=strip,scale=1;absent:image=nothing",
}
MAX_BODY_BYTES = 4 * 1600 * 1600 + 100_000
"""The most pixels that a URL asks for, as RGBA."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "size": ("40x30", "1x1", "7x", "x300", "400x400", "1x700"),
    "extension": (*sorted({format.extension for format in OUTPUTS.values()}), "auto"),
    "fit": ("", "cover", "contain", "inside", "fill"),
    "enlarge": ("", "true", "false"),
    "gravity": ("", "smart", "southeast", "0.999,0.001"),
    "dpr": ("", "", "1.01", "4"),
    "q": ("", "", "1", "100"),
    "bg": ("", "00000000", "ff000080"),
    "crop": ("", "", "0,0,1,1", "99.9p,99.9p,0.1p,0.1p", "5p,5p,90p,90p", "9999999,0,9,9"),
    "trim": ("", "", "0", "255"),
    "rotate": ("", "90", "180"),
    "flip": ("", "h", "hv"),
    "blur": ("", "0.3", "100"),
    "sharpen": ("", "0.3", "10"),
    "gray": ("", "true"),
    "watermark": ("", "", "logo", "huge", "absent"),
    "animated": ("", "true", "false"),
    "frame": ("", "", "", "0", "1", "999999"),
}
"""Values of every option, the smallest and the largest among them; an empty one leaves the option out."""

WITH_QUALITY = {format.extension for format in OUTPUTS.values() if output_of(format.name).quality_setting} | {"auto"}


def animation(count: int, size: tuple[int, int]) -> bytes:
    part = moving.gif_part((0, 0, 1, 1), [1])
    return moving.gif(size, [part] * count, palette=bytes((0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255)))


def clear() -> bytes:
    return encoded(Image.new("RGBA", (33, 21)), "PNG")


ACCEPTED: dict[str, Callable[[], bytes]] = {
    "photo": lambda: jpeg(1600, 1200, progressive=True),
    "one pixel": lambda: encoded(Image.new("L", (1, 1), 9), "JPEG"),
    "strip": HOSTILE["strip_of_one_pixel"],
    "clear": clear,
    "ink": lambda: encoded(photograph(99, 77).convert("CMYK"), "JPEG"),
    "deep": lambda: encoded(Image.new("I;16", (60, 50), 0x8000), "TIFF"),
    "bilevel": lambda: encoded(Image.new("1", (65, 65), 1), "PNG"),
    "icon": lambda: encoded(patches.picture(), "ICO"),
    "frames at the bound": lambda: animation(1000, (50, 50)),
    "frames over the bound": lambda: animation(900, (900, 900)),
    "tricky gif": lambda: TRICKY_GIFS["disposal 3"],
    "tricky apng": lambda: TRICKY_APNGS["disposal 2, blend 1"],
    "tricky webp": lambda: TRICKY_WEBPS["clears, blends"],
    "pages": lambda: encoded(Image.new("RGB", (40, 30)), "TIFF", save_all=True, append_images=[patches.picture()]),
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9999" height="3"><path d="M0 0h9v9z"/></svg>',
}
"""Originals that an upload accepts, at the edges of what it accepts."""

LARGEST = (
    "-40x30.jpg?trim=0&gravity=smart",
    "-40x30.png?crop=0,0,9999,9999&blur=100",
    "-1x.webp?trim=255&rotate=90&flip=hv&gray=true",
    "-400x400.avif?fit=contain&bg=ff000080&watermark=huge",
    "-x4096.jpg?crop=1p,1p,98p,98p&sharpen=10",
    "-40x30.gif?animated=true&gravity=0.999,0.001",
    "-40x30.auto?frame=0&rotate=270",
)


def url(case: Case) -> str:
    """What follows the id, without what is 400 for every original: a quality where there is none, or two frames."""
    options = {name: case[name] for name in OPTIONS if name not in ("size", "extension") and case[name]}
    if case["extension"] not in WITH_QUALITY:
        options.pop("q", None)
    if "frame" in options:
        options.pop("animated", None)
    return f"-{case['size']}.{case['extension']}?{'&'.join(f'{name}={value}' for name, value in options.items())}"


def sampled(seed: int, at_least: int = 0) -> list[str]:
    return [url(case) for case in pairwise(OPTIONS, seed=seed, at_least=at_least)]


def plant(folder: Path, pictures: dict[str, bytes]) -> None:
    """Store originals without looking at them, as if an earlier version had accepted them."""

    async def store() -> None:
        settings = settings_for(folder)
        await prepare(settings)
        async with composition.opened(settings) as parts:
            for id, body in pictures.items():
                digest = sha256(body).hexdigest()
                row = Original(id, secrets.token_hex(16), "png", 60, 40, len(body), digest, datetime.now(UTC))
                await parts.blobs.put(keys.original_key(row), body, "image/png")
                await parts.metadata.add(row)

    asyncio.run(store())


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("attacked")
    plant(folder, {name: make() for name, make in HOSTILE.items() if name not in HARMLESS and make()})
    with serving(folder, options="*", max_side=4096, **LIMITS) as served:
        assert served.put("brand", encoded(Image.new("RGBA", (80, 40), (255, 0, 0, 90)), "PNG")).status == 201
        assert served.put("strip", HOSTILE["strip_of_one_pixel"]()).status == 201
        yield served


@pytest.fixture(autouse=True)
def no_errors_in_the_log(log: list[dict[str, Any]]) -> Iterator[None]:
    before = len(log)
    yield
    assert [line for line in log[before:] if line["level"] in ("error", "critical")] == []


def test_every_option_of_every_format_is_among_the_values() -> None:
    from pymager.variants.options import BY_NAME

    assert set(OPTIONS) - {"size", "extension"} == set(BY_NAME)


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_options_of_an_extreme_original_are_answered(attacked: Served, name: str) -> None:
    id = attacked.upload(ACCEPTED[name]())
    share = sampled(seed=sorted(ACCEPTED).index(name))[:: len(ACCEPTED) // 2]
    statuses = set()
    for path in share:
        response = attacked.get(f"/derived/{id}{path}")
        assert response.status in (200, 400, 403, 404, 409, 422), (path, response.body)
        assert len(response.body) < MAX_BODY_BYTES
        statuses.add(response.status)
    assert 200 in statuses


@pytest.mark.parametrize("path", LARGEST)
def test_options_of_the_largest_picture_are_answered(attacked: Served, path: str) -> None:
    attacked.put("largest", HOSTILE["png_of_100_megapixels"]())
    response = attacked.get(f"/derived/largest{path}")
    assert response.status in (200, 422), response.body


def test_options_of_a_hostile_original_that_was_stored_anyway_are_refused(attacked: Served) -> None:
    paths = cycle(sampled(seed=99))
    for name in sorted(HOSTILE.keys() - HARMLESS):
        if name == "empty":
            continue
        for _ in range(4):
            path = next(paths)
            response = attacked.get(f"/derived/{name}{path}")
            assert response.status in (400, 403, 404, 409, 422), (name, path, response.body)
    photo = attacked.upload(jpeg(60, 40))
    assert attacked.get(f"/derived/{photo}-20x20.jpg?fit=inside").status == 200
