"""Colors as the option `bg` writes them: `rrggbb` or `rrggbbaa`."""

from typing import TypeAlias

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""

_OPAQUE = 255


def color_and_opacity(text: str) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity, 0 to 255 each."""
    red, green, blue, opacity = bytes.fromhex(text if len(text) == 8 else f"{text}ff")
    return red, green, blue, opacity


def over(text: str, behind: Color) -> Color:
    """The color in front of an opaque one; each channel is rounded half up."""
    *front, opacity = color_and_opacity(text)
    red, green, blue = (
        (2 * (value * opacity + other * (_OPAQUE - opacity)) + _OPAQUE) // (2 * _OPAQUE)
        for value, other in zip(front, behind, strict=True)
    )
    return red, green, blue
