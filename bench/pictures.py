"""The pictures that are measured: photo-like, made by code, so that every machine has the same ones."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

# At 12 megapixels the file has 3.3 MB, and its parts of the decoder's time are those of a camera's file of that size.
ORIGINAL_QUALITY = 93
GRAIN = 3.0


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """An RGB picture with a photograph's statistics: detail on every scale, soft areas, hard edges and grain."""
    random = np.random.default_rng(seed)
    light = np.full((height // 4, width // 4, 3), 128, np.float32)
    for octave in range(2, 10):
        _add_octave(light, random, octave)
    image = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    _draw_edges(image, random)
    return _grained(image, random)


def encoded(image: Image.Image, extension: str) -> bytes:
    """The picture as a file: JPEG of quality 93, PNG, or WebP of quality 85."""
    buffer = io.BytesIO()
    match extension:
        case "jpg":
            image.save(buffer, "JPEG", quality=ORIGINAL_QUALITY)
        case "png":
            image.save(buffer, "PNG", compress_level=3)
        case "webp":
            image.save(buffer, "WEBP", quality=85, method=2)
        case _:
            raise ValueError(f"no original is made as {extension}")
    return buffer.getvalue()


def lanczos(path: Path, width: int, height: int) -> Image.Image:
    """What an exact resize gives: all pixels decoded, and Lanczos."""
    with Image.open(path) as image:
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def similarity(encoded_picture: bytes, reference: Image.Image) -> float:
    """SSIM of the luma (Wang et al. 2004: Gaussian window, sigma 1.5, K1 0.01, K2 0.03); 1.0 for equal ones."""
    with Image.open(io.BytesIO(encoded_picture)) as image:
        a, b = (np.asarray(picture.convert("L"), np.float64) for picture in (image, reference))
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a, variance_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((score / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


def _add_octave(picture: np.ndarray, random: np.random.Generator, octave: int) -> None:
    """Noise of one scale; amplitudes fall with the frequency, as a photograph's do, and vary over the picture."""
    height, width = picture.shape[:2]
    cells = 2**octave
    noise = random.normal(0, 1, (cells * 3 // 4 + 1, cells + 1, 3)).astype(np.float32)
    noise = noise * 0.35 + noise.mean(axis=2, keepdims=True) * 1.1  # colour varies less than light
    if octave > 4:
        noise *= _upscaled(random.uniform(0, 2, (4, 5)).astype(np.float32) ** 2, *noise.shape[1::-1])[..., None]
    strength = 70 * 0.62 ** (octave - 2)
    for channel in range(3):
        picture[..., channel] += strength * _upscaled(noise[..., channel], width, height)


def _upscaled(values: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))


def _draw_edges(image: Image.Image, random: np.random.Generator) -> None:
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(40):
        centre = random.uniform(0, 1, 2) * image.size
        points = centre + random.normal(0, image.width / 12, (4, 2))
        colour = (*(int(part) for part in random.integers(0, 256, 3)), int(random.integers(40, 160)))
        draw.polygon([(float(x), float(y)) for x, y in points], fill=colour)


def _grained(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """With the finest details, which are of light only, and the grain of a sensor."""
    width, height = image.size
    fine = random.normal(0, 4.0, (height // 2, width // 2)).astype(np.float32)
    fine *= _upscaled(random.uniform(0, 1.4, (7, 9)).astype(np.float32) ** 2, width // 2, height // 2)
    grain = random.normal(0, GRAIN, (height, width)).astype(np.float32)
    pixels = np.asarray(image, np.float32) + (_upscaled(fine, width, height) + grain)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _blurred(values: np.ndarray) -> np.ndarray:
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    for axis in (0, 1):
        size = values.shape[axis] - 10
        values = sum(w * np.take(values, range(i, i + size), axis) for i, w in enumerate(window))
    return values
