"""How originals, fences and leases lie in the table.

Each item has a partition key `pk` and a sort key `sk`:

    pk                  sk          attributes
    original#{id}       original    of a row: revision format width height size sha256 created
                                    and always: used, a set of the revisions that may not be committed (any more)
    lease#{0 to 15}     {name}      token touched expires

An id without a row has an item too once a revision of it was used or fenced, with `used` alone. A row is there
where the attribute `revision` is.
"""

import base64
import zlib
from datetime import UTC, datetime
from typing import Any

from pymager.ports import Original

Value = dict[str, Any]
Item = dict[str, Value]

SHARDS = 16
EXPIRES = "expires"
ORIGINAL = "original"
_ORIGINALS = "original#"
_LEASES = "lease#"
_CURSOR = "d1."
_FIELDS = ("revision", "format", "width", "height", "size", "sha256", "created")
NAMES = {f"#{field}": field for field in _FIELDS}
PROJECTION = ", ".join(NAMES)


def row_key(id: str) -> Item:
    """The key of an id's item."""
    return {"pk": {"S": _ORIGINALS + id}, "sk": {"S": ORIGINAL}}


def lease_key(name: str) -> Item:
    """The key of a lease's item. The partition is one of a few, so that `tidy` can ask for all of them."""
    return {"pk": {"S": shard(zlib.crc32(name.encode()) % SHARDS)}, "sk": {"S": name}}


def shard(number: int) -> str:
    """The partition key of some of the leases."""
    return f"{_LEASES}{number}"


def values_of(original: Original) -> Item:
    """A row's attributes, as values for the expression `ASSIGNMENTS`."""
    return {
        ":revision": {"S": original.revision},
        ":format": {"S": original.format},
        ":width": {"N": str(original.width)},
        ":height": {"N": str(original.height)},
        ":size": {"N": str(original.size)},
        ":sha256": {"S": original.sha256},
        ":created": {"N": str(int(original.created.timestamp()))},
    }


ASSIGNMENTS = ", ".join(f"#{field} = :{field}" for field in _FIELDS)


def is_row(item: Item) -> bool:
    """Whether the id has a row, and not only used revisions."""
    return "revision" in item


def original_of(id: str, item: Item) -> Original:
    """The row of an item that has one."""
    return Original(
        id,
        item["revision"]["S"],
        item["format"]["S"],
        int(item["width"]["N"]),
        int(item["height"]["N"]),
        int(item["size"]["N"]),
        item["sha256"]["S"],
        datetime.fromtimestamp(int(item["created"]["N"]), UTC),
    )


def id_of(item: Item) -> str:
    """The id that an item's key holds."""
    id: str = item["pk"]["S"]
    return id.removeprefix(_ORIGINALS)


def mark(revision: str) -> str:
    """A revision as an element of the set: 16 bytes of binary, half of its 32 digits."""
    return base64.b64encode(bytes.fromhex(revision)).decode()


def cursor_of(key: Item) -> str:
    """A listing's cursor that stands on the key."""
    text = f"{key['pk']['S']}\0{key['sk']['S']}"
    return _CURSOR + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def key_of(cursor: str) -> Item:
    """The key that a cursor stands on. Raises `ValueError` for one that `cursor_of` did not make."""
    try:
        coded = cursor.removeprefix(_CURSOR).encode()
        pk, _, sk = base64.urlsafe_b64decode(coded + b"=" * (-len(coded) % 4)).decode().partition("\0")
    except ValueError:
        pk = sk = ""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    if not sk or not pk.startswith((_ORIGINALS, _LEASES)) or cursor_of(key) != cursor:
        raise ValueError("not a cursor of this catalog")
    return key
