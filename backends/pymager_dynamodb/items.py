"""The table's items: originals, fences, leases and properties.

Each item has a partition key `pk` and a sort key `sk`:

    pk                  sk          attributes
    original#{id}       original    if the id has a row: revision format width height size sha256 created
                                    if the row has a description: described, the revision that it describes, and
                                    frames alpha dominant thumbhash blurhash
                                    always: used, the set of revisions that may never be committed (again)
                                    after a removal: removed, its date, and created, that of the last row
    lease#{0 to 15}     {name}      token touched expires
    original#           property#{name}  value of a property; no original has the empty id
    lease#purges-{0 to 3}  {revision}  id recorded due attempts state of a purge that is not delivered yet

An id without a row has an item too once a revision of it was used or fenced. An item with the attribute `revision` is a
row. A listing can stop at any item, and older versions continue only from the partition keys of originals and leases.
Therefore properties and purges have such keys too.

A description counts only if `described` is the row's revision: older versions do not know these attributes, and leave
the description of the old picture in an item whose row they replace, or remove and add again.
"""

import base64
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pymager.ports import Description, Original, Purge

Value = dict[str, Any]
Item = dict[str, Value]

LEASE_SHARDS = 16
PURGE_SHARDS = 4
EXPIRES_ATTRIBUTE = "expires"
ORIGINAL_SORT_KEY = "original"
_ORIGINAL_PREFIX = "original#"
_LEASE_PREFIX = "lease#"
_CURSOR_PREFIX = "d1."
_FIELDS = ("revision", "format", "width", "height", "size", "sha256", "created")
_DESCRIPTION = ("described", "frames", "alpha", "dominant", "thumbhash", "blurhash")
DESCRIPTION_NAMES = {f"#{field}": field for field in _DESCRIPTION}
NAMES = {f"#{field}": field for field in _FIELDS + _DESCRIPTION}
PROJECTION = ", ".join(NAMES)


def row_key(id: str) -> Item:
    """The key of an id's item."""
    return {"pk": {"S": _ORIGINAL_PREFIX + id}, "sk": {"S": ORIGINAL_SORT_KEY}}


def lease_key(name: str) -> Item:
    """The key of a lease's item. There are few partitions, so that `tidy` can query all of them."""
    return {"pk": {"S": lease_shard(zlib.crc32(name.encode()) % LEASE_SHARDS)}, "sk": {"S": name}}


def purge_key(revision: str) -> Item:
    """The key of a purge's item. There are few partitions, so that all of them can be queried for what is due."""
    return {"pk": {"S": purge_shard(zlib.crc32(revision.encode()) % PURGE_SHARDS)}, "sk": {"S": revision}}


def purge_shard(number: int) -> str:
    """The partition key of one shard of the purges."""
    return f"{_LEASE_PREFIX}purges-{number}"


def purge_item(purge: Purge) -> Item:
    """The whole item of a purge. It has no attribute `revision`, which would make it a row."""
    return purge_key(purge.revision) | {
        "id": {"S": purge.id},
        "recorded": _date(purge.recorded),
        "due": _date(purge.due),
        "attempts": {"N": str(purge.attempts)},
        "state": {"S": purge.state},
    }


def purge_of(item: Item) -> Purge:
    """The purge in an item."""
    return Purge(
        item["id"]["S"],
        item["sk"]["S"],
        datetime.fromtimestamp(int(item["recorded"]["N"]), UTC),
        datetime.fromtimestamp(int(item["due"]["N"]), UTC),
        int(item["attempts"]["N"]),
        item["state"]["S"],
    )


def _date(date: datetime) -> Value:
    return {"N": str(int(date.timestamp()))}


def property_key(name: str) -> Item:
    """The key of a property's item."""
    return {"pk": {"S": _ORIGINAL_PREFIX}, "sk": {"S": f"property#{name}"}}


def lease_shard(number: int) -> str:
    """The partition key of one shard of the leases."""
    return f"{_LEASE_PREFIX}{number}"


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


def description_values(revision: str, description: Description) -> Item:
    """The attributes of a description, as values for the expression `DESCRIPTION_ASSIGNMENTS`."""
    return {
        ":described": {"S": revision},
        ":frames": {"N": str(description.frames)},
        ":alpha": {"BOOL": description.alpha},
        ":dominant": {"S": description.dominant},
        ":thumbhash": {"S": description.thumbhash},
        ":blurhash": {"S": description.blurhash},
    }


ASSIGNMENTS = ", ".join(f"#{field} = :{field}" for field in _FIELDS)
DESCRIPTION_ASSIGNMENTS = ", ".join(f"#{field} = :{field}" for field in _DESCRIPTION)


def last_date(item: Item) -> int:
    """The later of the dates of the last removal and of the last row, in seconds since 1970; 0 without either."""
    return max((int(item[name]["N"]) for name in ("removed", "created") if name in item), default=0)


def is_row(item: Item) -> bool:
    """Whether it is a row, and not only a set of used revisions."""
    return "revision" in item


def original_of(id: str, item: Item) -> Original:
    """The row in an item for which `is_row` is true."""
    original = Original(
        id,
        item["revision"]["S"],
        item["format"]["S"],
        int(item["width"]["N"]),
        int(item["height"]["N"]),
        int(item["size"]["N"]),
        item["sha256"]["S"],
        datetime.fromtimestamp(int(item["created"]["N"]), UTC),
    )
    if item.get("described") != item["revision"]:
        return original
    return replace(
        original,
        frames=int(item["frames"]["N"]),
        alpha=item["alpha"]["BOOL"],
        dominant=item["dominant"]["S"],
        thumbhash=item["thumbhash"]["S"],
        blurhash=item["blurhash"]["S"],
    )


def id_of(item: Item) -> str:
    """The id in an item's key."""
    id: str = item["pk"]["S"]
    return id.removeprefix(_ORIGINAL_PREFIX)


def binary_revision(revision: str) -> str:
    """A revision as an element of the set `used`: 16 bytes of binary are half the size of its 32 digits."""
    return base64.b64encode(bytes.fromhex(revision)).decode()


def cursor_of(key: Item) -> str:
    """The cursor of a listing that continues after this key."""
    text = f"{key['pk']['S']}\0{key['sk']['S']}"
    return _CURSOR_PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def key_of(cursor: str) -> Item:
    """The key in a cursor. Raises `ValueError` if `cursor_of` did not make it."""
    try:
        encoded = cursor.removeprefix(_CURSOR_PREFIX).encode()
        pk, _, sk = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)).decode().partition("\0")
    except ValueError:
        pk = sk = ""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    if not sk or not pk.startswith((_ORIGINAL_PREFIX, _LEASE_PREFIX)) or cursor_of(key) != cursor:
        raise ValueError("invalid cursor")
    return key
