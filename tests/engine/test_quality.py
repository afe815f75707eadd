"""How close variants are to the best possible result."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.engine.rendering import opened, rendered
from tests.engine.table import LOSSLESS, OUTPUTS
from tests.pictures import encoded, photograph

Plane = NDArray[np.float64]

MIN_SIMILARITY = {"gif": 0.8, "avif": 0.85, "jp2": 0.95}
"""The structural similarity of a variant with default settings to a lossless one; 0.9 for other lossy outputs."""


def _blurred(plane: Plane) -> Plane:
    """Blur with Gaussian windows of 11 pixels and a standard deviation of 1.5, without the edges."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window /= window.sum()
    rows = np.apply_along_axis(np.convolve, 1, plane, window, "valid")
    return np.apply_along_axis(np.convolve, 0, rows, window, "valid")


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Structural similarity of the luma (Wang, Bovik, Sheikh, Simoncelli 2004): 1 for the same picture."""
    x, y = (np.asarray(picture.convert("L"), dtype=np.float64) for picture in (one, other))
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))))


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return photograph(2000, 1500, seed=3)


def test_the_measure_distinguishes_a_blurred_picture_from_a_sharp_one(photo: Image.Image) -> None:
    small = photo.resize((400, 300), Image.Resampling.LANCZOS)
    assert ssim(small, small) == pytest.approx(1)
    assert ssim(small, small.resize((100, 75)).resize((400, 300))) < 0.95


@pytest.mark.parametrize("size", [(400, 300), (500, 375), (999, 749), (250, 188), (240, 240), (100, 100)])
def test_a_reduced_decode_looks_like_a_full_one(photo: Image.Image, size: tuple[int, int]) -> None:
    data = encoded(photo, "JPEG", quality=90)
    left, top, right, bottom = (2000 - 1500 * size[0] / size[1]) / 2, 0, (2000 + 1500 * size[0] / size[1]) / 2, 1500
    best = opened(data).resize(size, Image.Resampling.LANCZOS, (max(left, 0), top, min(right, 2000), bottom))
    assert ssim(opened(rendered(data, *size)), best) >= 0.98


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_what_lies_behind_the_edges_of_a_cropped_jpeg_is_not_seen(
    subsampling: int, progressive: bool, reduction: int
) -> None:
    """A crop without loss, as jpegtran makes it, keeps whole blocks: the rest of the last ones is there but hidden."""
    whole = np.full((464, 512, 3), 255, np.uint8)
    whole[:461, :508] = 40
    data = bytearray(
        encoded(Image.fromarray(whole), "JPEG", quality=90, subsampling=subsampling, progressive=progressive)
    )
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    width, height = 506, 459  # as many blocks as the whole; the hidden white begins two pixels behind the edges
    data[frame + 5 : frame + 9] = height.to_bytes(2) + width.to_bytes(2)
    found = np.asarray(opened(rendered(bytes(data), width // reduction, height // reduction)), dtype=int)
    assert np.abs(found - 40).max() <= 8


def test_scaling_uses_a_lanczos_filter(photo: Image.Image) -> None:
    """Of Pillow's filters, Lanczos is by far the closest."""
    data = encoded(photo, "PNG")
    found = np.asarray(opened(rendered(data, 700, 525)), dtype=int)
    differences = {
        resampling: np.abs(np.asarray(photo.resize((700, 525), resampling), dtype=int) - found).mean()
        for resampling in (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX)
    }
    assert differences[Image.Resampling.LANCZOS] < 0.3
    assert min(differences, key=lambda resampling: differences[resampling]) == Image.Resampling.LANCZOS


@pytest.mark.parametrize("format", sorted(set(OUTPUTS) - set(LOSSLESS)))
def test_a_lossy_output_looks_like_a_lossless_one(photo: Image.Image, format: str) -> None:
    data = encoded(photo, "JPEG", quality=90)
    similarity = ssim(opened(rendered(data, 400, 300, format)).convert("RGB"), opened(rendered(data, 400, 300)))
    assert similarity > MIN_SIMILARITY.get(format, 0.9)


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_outputs_have_the_same_pixels(photo: Image.Image, format: str) -> None:
    data = encoded(photo, "JPEG", quality=90)
    lossless = [opened(rendered(data, 120, 90, name)).convert("RGB").tobytes() for name in (format, "png")]
    assert lossless[0] == lossless[1]
