"""Numbers and sizes as URLs and settings write them."""

import re
from fractions import Fraction

MAX_DECIMALS = 3
_NUMBER = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)


def decimal(text: str, max_decimals: int = MAX_DECIMALS) -> Fraction:
    """A number in decimal digits with at most one point. Raises `ValueError`, also for a sign or an exponent."""
    match = _NUMBER.fullmatch(text)
    if match is None or len((match[2] or "").rstrip("0")) > max_decimals:
        raise ValueError(text)
    return Fraction(text)


def shown_number(value: Fraction | float | int) -> str:
    """A number without superfluous zeros, such as `2.5`."""
    text = f"{float(value):.{MAX_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def half_up(value: Fraction) -> int:
    """Round to the nearest integer, half up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def parsed_size(text: str) -> tuple[int, int]:
    """Width and height of a size such as `800x600`, `800x` or `x600`; 0 for a side that follows."""
    width, height = text.split("x")
    return int(width or 0), int(height or 0)


def shown_size(size: tuple[int, int]) -> str:
    """A size as text: the inverse of `parsed_size`."""
    width, height = size
    return f"{width or ''}x{height or ''}"
