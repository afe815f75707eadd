"""Image sequences in AVIF: tracks of a movie (ISO/IEC 14496-12; ISO/IEC 23008-12, section 7)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from struct import unpack_from

from pymager.engine.containers.container import Data
from pymager.engine.containers.isobmff import boxes
from pymager.engine.limits import check_parts

_REPEATS = 1
_MAX_ENTRIES = 10_000
_UNKNOWN_DURATIONS = (0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
_CONTAINERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"})


@dataclass(frozen=True, slots=True)
class Sequence:
    """How often an image sequence plays, 0 without end, and how many milliseconds it shows each frame."""

    plays: int
    milliseconds: tuple[Fraction, ...]


def sequence(data: Data, frames: int) -> Sequence:
    """What the track of the pictures says about its `frames` frames.

    A sequence without an edit list plays without end, as in browsers. Raises `struct.error`, `IndexError` or
    `ValueError` if the track is broken.
    """
    for track in _tracks(data):
        if b"hdlr" in track and data[track[b"hdlr"][0] + 8 : track[b"hdlr"][0] + 12] == b"pict":
            return Sequence(_plays(data, track), _milliseconds(data, track, frames))
    raise ValueError("no track has pictures")


def normalized(data: bytes, plays: int) -> bytes:
    """The file with another number of plays, and without the time at which it was made.

    For a file whose tracks repeat without end, as libavif writes them (section 8.6.6).
    """
    file = bytearray(data)
    timed = [
        (kind, start) for kind, start, _ in _inner(data, 0, len(data)) if kind in (b"mvhd", b"tkhd", b"mdhd", b"elst")
    ]
    for kind, start in timed:
        if data[start] != 1:
            raise ValueError("a movie with times of 32 bits")
        if kind != b"elst":
            file[start + 4 : start + 20] = bytes(16)
    edits = next(start for kind, start in timed if kind == b"elst")
    (duration,) = unpack_from(">Q", data, edits + 8)
    if plays:
        for kind, start in timed:
            position = {b"mvhd": start + 24, b"tkhd": start + 28}.get(kind)
            if position:
                file[position : position + 8] = (duration * plays).to_bytes(8)
    return bytes(file)


def _tracks(data: Data) -> Iterator[dict[bytes, tuple[int, int]]]:
    """The boxes of each track, at any depth, by type."""
    for kind, start, end in boxes(data):
        if kind == b"moov":
            for inner, first, last in boxes(data, start, end):
                if inner == b"trak":
                    yield {box: (begin, stop) for box, begin, stop in _inner(data, first, min(last, end))}


def _inner(data: Data, start: int, end: int, depth: int = 5) -> Iterator[tuple[bytes, int, int]]:
    """All boxes inside of some bytes of the file, to the depth of a sample table's boxes."""
    for kind, first, last in boxes(data, start, end):
        last = min(last, end)
        yield kind, first, last
        if kind in _CONTAINERS and depth:
            yield from _inner(data, first, last, depth - 1)


def _plays(data: Data, track: dict[bytes, tuple[int, int]]) -> int:
    """By the edit list, if it repeats: the duration of the track divided by that of the edit, rounded up."""
    if b"elst" not in track:
        return 0
    edits, header = track[b"elst"][0], track[b"tkhd"][0]
    if not data[edits + 3] & _REPEATS:
        return 1
    (edit,) = unpack_from(">Q" if data[edits] else ">I", data, edits + 8)
    (duration,) = unpack_from(">Q", data, header + 28) if data[header] else unpack_from(">I", data, header + 20)
    if duration in _UNKNOWN_DURATIONS:
        return 0
    return max(1, -(-duration // edit)) if edit else 1


def _milliseconds(data: Data, track: dict[bytes, tuple[int, int]], frames: int) -> tuple[Fraction, ...]:
    """From the decoding times (section 8.6.1.2), in the track's own units."""
    header, (start, _) = track[b"mdhd"][0], track[b"stts"]
    (units_per_second,) = unpack_from(">I", data, header + (20 if data[header] else 12))
    (entries,) = unpack_from(">I", data, start + 4)
    check_parts(entries, _MAX_ENTRIES, "times")
    found: list[Fraction] = []
    for index in range(entries):
        count, units = unpack_from(">II", data, start + 8 + 8 * index)
        found += [Fraction(units * 1000, units_per_second)] * min(count, frames - len(found))
        if len(found) == frames:
            break
    return tuple(found) + (found[-1] if found else Fraction(0),) * (frames - len(found))
