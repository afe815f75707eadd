"""Numbers with their nouns, as commands and errors write them."""


def counted(number: int, noun: str) -> str:
    """`1 blob`, `2 blobs`. The noun is one that takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
