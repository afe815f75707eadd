"""Landscapes made by code, for pictures of the page that are pleasant to look at: sky, sun, and hills in the haze."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PALETTES = {
    "dawn": ("#2b3a67", "#f4a261", "#ffe3c2", "#1f2a44"),
    "fjord": ("#5d8aa8", "#cfe3ea", "#f7fbfb", "#17343f"),
    "desert": ("#e8a87c", "#f6d6a8", "#fff1d6", "#7a3b2e"),
    "dusk": ("#1a1b41", "#8f4a7d", "#f2a07b", "#12122b"),
    "meadow": ("#7cc0d8", "#d9eed9", "#fdfbe4", "#2f5d3a"),
    "snow": ("#9fb8cc", "#e6edf3", "#ffffff", "#49607a"),
    "night": ("#05081c", "#16234f", "#d8e0ff", "#04060f"),
    "autumn": ("#c98d6b", "#f1cfa1", "#fff3dc", "#5b2b1c"),
}


def landscape(width: int, height: int, palette: str, seed: int = 0) -> Image.Image:
    """A landscape in one of the palettes."""
    top, horizon, light, ground = (_rgb(color) for color in PALETTES[palette])
    random = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height)[:, None, None] ** 1.3
    sky = top * (1 - rows) + horizon * rows
    pixels = np.repeat(sky, width, axis=1)
    x, y = random.uniform(0.2, 0.8) * width, random.uniform(0.25, 0.5) * height
    distance = np.hypot(np.arange(width)[None, :] - x, np.arange(height)[:, None] - y) / min(width, height)
    glow = np.exp(-((distance / 0.35) ** 2))[:, :, None]
    pixels = pixels * (1 - 0.75 * glow) + light * 0.75 * glow
    picture = Image.fromarray(pixels.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    radius = 0.055 * min(width, height)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_bytes(light))
    for layer in range(5):
        near = (layer + 1) / 5
        color = horizon * (1 - near) + ground * near
        draw.polygon(_ridge(width, height, 0.5 + 0.11 * layer, 0.16 - 0.02 * layer, random), fill=_bytes(color))
    grain = random.normal(0, 2.2, (height, width, 1))
    smooth = np.asarray(picture.filter(ImageFilter.GaussianBlur(max(width, height) / 2500)), dtype=np.float32)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def _ridge(
    width: int, height: int, base: float, amplitude: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    """The outline of a hill: a few waves."""
    x = np.linspace(0, 1, 160)
    line = np.zeros_like(x)
    for wave in range(1, 9):
        line += np.sin(2 * np.pi * (wave * 0.8 * x + random.uniform())) / wave**1.3
    y = (base + amplitude * line / 2) * height
    return [(0.0, float(height)), *zip((x * width).tolist(), y.tolist(), strict=True), (float(width), float(height))]


def _rgb(color: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(color[1:])), dtype=np.float64)


def _bytes(color: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in color)
