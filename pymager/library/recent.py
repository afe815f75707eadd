"""Memories of bounded size, for what is cheap to lose."""

from collections import OrderedDict
from typing import TypeVar

T = TypeVar("T")


def remember(memory: OrderedDict[str, T], key: str, value: T, limit: int) -> None:
    """Keep a value as the newest of at most `limit` values; drops the oldest one if there are more."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > limit:
        memory.popitem(last=False)
