"""Inputs made from seeds: the same number makes the same input on every machine."""

import struct
from collections.abc import Callable, Sequence
from random import Random

_MAX_BYTES = 1 << 16
_MAX_STEPS = 8
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 64) - 1)


def mutated(seeds: Sequence[bytes], tokens: Sequence[bytes], number: int) -> bytes:
    """The input with this number: a seed with some changes, or several seeds joined."""
    random = Random(number)
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, _MAX_STEPS)):
        random.choice(_STEPS)(data, random, seeds, tokens)
    return bytes(data[:_MAX_BYTES])


_Step = Callable[[bytearray, Random, Sequence[bytes], Sequence[bytes]], None]


def _flip(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    if data:
        data[_near_start(data, random)] ^= 1 << random.randrange(8)


def _set(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    if data:
        data[_near_start(data, random)] = random.randrange(256)


def _number(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    """Overwrite with a number at a boundary, as lengths and counts are written."""
    code = random.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(code)
    written = struct.pack(code, random.choice(_NUMBERS) & ((1 << 8 * size) - 1))
    at = _near_start(data, random)
    data[at : at + len(written)] = written


def _token(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    if tokens:
        at = random.randint(0, len(data))
        data[at : at + random.choice((0, 0, 4))] = random.choice(tokens)


def _cut(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    del data[random.randint(0, len(data)) :]


def _delete(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    del data[at : at + random.randint(1, 32)]


def _repeat(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    part = data[at : at + random.randint(1, 64)]
    data[at:at] = part * random.choice((1, 2, 50))
    del data[_MAX_BYTES:]


def _join(data: bytearray, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    other = random.choice(seeds)
    at, start = random.randint(0, len(data)), random.randint(0, len(other))
    data[at:] = other[start:]


def _near_start(data: bytearray, random: Random) -> int:
    """Any place, but most often in the first bytes, where the structure is."""
    end = max(len(data), 1)
    return random.randrange(min(end, random.choice((16, 64, 512, end))))


_STEPS: tuple[_Step, ...] = (_flip, _set, _number, _token, _cut, _delete, _repeat, _join)
