"""A kind of file, and what it should look like."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A file of one kind. `name` ends in the file's extension.

    `oracle` is who says what it looks like: `chromium`, `libvips`, `imagemagick`, `ffmpeg`, `libheif`, or `spec` if
    `expected` holds the nine colors that follow from a specification. `tolerance` is the largest difference of a
    channel, multiplied by alpha. `refused` is a regular expression for the error if the file must be refused.
    """

    name: str
    data: Callable[[], bytes]
    oracle: str = "chromium"
    tolerance: int = 2
    refused: str | None = None
    expected: Callable[[], list[tuple[int, ...]]] | None = None
