"""TIFF and BigTIFF: directories (TIFF 6.0, section 2)."""

from dataclasses import dataclass
from struct import calcsize, unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_parts, check_pixels

_STRUCT_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
_OFFSET_TAGS, _SIZE_TAGS = (273, 324), (279, 325)
_READ_TAGS = frozenset({_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, *_OFFSET_TAGS, *_SIZE_TAGS})
_MAX_VALUES = 4_000_000
"""The maximum number of values in all directories together: directories can overlap and share one long list."""

Tags = dict[int, tuple[int, ...]]


@dataclass(slots=True)
class _Reader:
    data: Data
    order: str
    big: bool
    values_read: int = 0

    def values(self, code: str, position: int, count: int = 1) -> tuple[int, ...]:
        self.values_read += count
        check_parts(self.values_read, _MAX_VALUES, "values in its directories")
        return unpack_from(f"{self.order}{count}{code}", self.data, position)

    def directory(self, position: int) -> tuple[Tags, int]:
        """The tags of the directory at `position`, and the position of the next directory; 0 after the last."""
        (count,), position = (
            self.values("Q" if self.big else "H", position),
            position + (8 if self.big else 2),
        )
        offset_code = "Q" if self.big else "I"
        tags: Tags = {}
        for _ in range(count):
            tag, type = self.values("H", position, 2)
            if tag in _READ_TAGS and type in _STRUCT_CODES:
                (length,), where = self.values(offset_code, position + 4), position + 4 + calcsize(offset_code)
                if length * calcsize(_STRUCT_CODES[type]) > calcsize(offset_code):
                    (where,) = self.values(offset_code, where)
                tags[tag] = self.values(_STRUCT_CODES[type], where, length)
            position += 20 if self.big else 12
        return tags, self.values(offset_code, position)[0]


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the chain of directories, each once. A strip, tile or directory beyond the end of the file is missing."""
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
    """Check tiles too: a tile is decoded completely, however small its picture is."""
    for width, height in ((_WIDTH, _HEIGHT), (_TILE_WIDTH, _TILE_HEIGHT)):
        if tags.get(width) and tags.get(height):
            check_pixels((tags[width][0], tags[height][0]), limits)


def _end(tags: Tags) -> int:
    """The position of the end of the last strip or tile."""
    ends = (
        offset + size
        for offsets, sizes in zip(_OFFSET_TAGS, _SIZE_TAGS, strict=True)
        for offset, size in zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False)
    )
    return max(ends, default=0)
