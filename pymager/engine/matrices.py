"""Matrices between color spaces, and the adaptation of white (ICC.1:2022 annex E). Needs no decoder."""

from typing import TypeAlias

Matrix: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Vector: TypeAlias = tuple[float, float, float]
Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue."""

D50: Vector = (0.9642, 1.0, 0.8249)
"""The white of ICC profiles in XYZ."""
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def rgb_to_xyz(chromaticities: Chromaticities) -> Matrix:
    """The matrix from linear RGB to XYZ with the white's luminance 1. Raises `ZeroDivisionError`."""
    white, *primaries = [
        (x / y, 1.0, (1 - x - y) / y) for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    ]
    red, green, blue = primaries
    columns = _transposed((red, green, blue))
    scale = times(inverse(columns), white)
    return (
        _scaled_row(columns[0], scale),
        _scaled_row(columns[1], scale),
        _scaled_row(columns[2], scale),
    )


def adapted_to_d50(chromaticities: Chromaticities) -> Matrix:
    """The matrix from linear RGB to XYZ, adapted from the white to D50 by Bradford's transform (ICC.1:2022 annex E)."""
    x, y = chromaticities[:2]
    source = times(_BRADFORD, (x / y, 1.0, (1 - x - y) / y))
    target = times(_BRADFORD, D50)
    gains = [after / before for after, before in zip(target, source, strict=True)]
    scaled = (
        tuple(value * gains[0] for value in _BRADFORD[0]),
        tuple(value * gains[1] for value in _BRADFORD[1]),
        tuple(value * gains[2] for value in _BRADFORD[2]),
    )
    return product(product(inverse(_BRADFORD), scaled), rgb_to_xyz(chromaticities))  # type: ignore[arg-type]


def _scaled_row(row: Vector, scale: Vector) -> Vector:
    return row[0] * scale[0], row[1] * scale[1], row[2] * scale[2]


def times(matrix: Matrix, vector: Vector) -> Vector:
    """The product of a matrix and a column."""
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _transposed(matrix: Matrix) -> Matrix:
    first, second, third = zip(*matrix, strict=True)
    return first, second, third


def product(left: Matrix, right: Matrix) -> Matrix:
    """The product of two matrices."""
    first, second, third = (times(left, column) for column in _transposed(right))
    return _transposed((first, second, third))


def inverse(matrix: Matrix) -> Matrix:
    """The inverse. Raises `ZeroDivisionError` if there is none."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        ((e * i - f * h) / determinant, (c * h - b * i) / determinant, (b * f - c * e) / determinant),
        ((f * g - d * i) / determinant, (a * i - c * g) / determinant, (c * d - a * f) / determinant),
        ((d * h - e * g) / determinant, (b * g - a * h) / determinant, (a * e - b * d) / determinant),
    )
