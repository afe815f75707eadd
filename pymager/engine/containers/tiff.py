"""TIFF and BigTIFF: directories (TIFF 6.0, section 2)."""

from dataclasses import dataclass
from struct import calcsize, unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_frames, check_parts, check_pixels

_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
_OFFSETS, _SIZES = (273, 324), (279, 325)
_WANTED = frozenset({_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, *_OFFSETS, *_SIZES})
_VALUES = 4_000_000
"""Most entries and values of all directories together: directories may overlap, and share one long list."""

Tags = dict[int, tuple[int, ...]]


@dataclass(slots=True)
class _Reader:
    data: Data
    order: str
    big: bool
    read: int = 0

    def values(self, code: str, position: int, count: int = 1) -> tuple[int, ...]:
        self.read += count
        check_parts(self.read, _VALUES)
        return unpack_from(f"{self.order}{count}{code}", self.data, position)

    def directory(self, position: int) -> tuple[Tags, int]:
        """The wanted tags of the directory at `position`, and where the next one is (0: nowhere)."""
        (count,), position = (
            self.values("Q" if self.big else "H", position),
            position + (8 if self.big else 2),
        )
        wide = "Q" if self.big else "I"
        tags: Tags = {}
        for _ in range(count):
            tag, type = self.values("H", position, 2)
            if tag in _WANTED and type in _TYPES:
                (length,), where = self.values(wide, position + 4), position + 4 + calcsize(wide)
                if length * calcsize(_TYPES[type]) > calcsize(wide):
                    (where,) = self.values(wide, where)
                tags[tag] = self.values(_TYPES[type], where, length)
            position += 20 if self.big else 12
        return tags, self.values(wide, position)[0]


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk the chain of directories, each once; a strip, tile or directory beyond the end of the file was cut off."""
    reader = _Reader(data, "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+"))
    (position,) = reader.values("Q" if reader.big else "I", 8 if reader.big else 4)
    seen: set[int] = set()
    complete = position > 0
    while position and position not in seen:
        seen.add(position)
        check_frames(len(seen), limits)
        tags, position = reader.directory(position)
        _check_sizes(tags, limits)
        complete = complete and _end(tags) <= len(data)
    return Container(complete, frames=max(1, len(seen)))


def _check_sizes(tags: Tags, limits: PictureLimits) -> None:
    """A tile is decoded as a whole, however small the picture is that it lies in."""
    for width, height in ((_WIDTH, _HEIGHT), (_TILE_WIDTH, _TILE_HEIGHT)):
        if tags.get(width) and tags.get(height):
            check_pixels((tags[width][0], tags[height][0]), limits)


def _end(tags: Tags) -> int:
    """Where the last strip or tile ends."""
    ends = (
        offset + size
        for offsets, sizes in zip(_OFFSETS, _SIZES, strict=True)
        for offset, size in zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False)
    )
    return max(ends, default=0)
