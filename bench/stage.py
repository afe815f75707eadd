"""What the cases play on: the pictures, the running servers, and the originals that they have been given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import pictures
from bench.load import Load
from bench.servers import Peer, Pymager, Server

_MADE = {
    "jpg": (4000, 3000, "jpg"),
    "png-3mp": (2000, 1500, "png"),
    "webp-3mp": (2000, 1500, "webp"),
    "avatar": (400, 400, "jpg"),
    "jpg-24mp": (6000, 4000, "jpg"),
}


@dataclass(slots=True)
class Stage:
    """The servers and a client; `peers` by name."""

    load: Load
    pictures: dict[str, Path]
    peers: dict[str, Peer]
    _added: set[tuple[int, str]] = field(default_factory=set)

    @property
    def thumbor(self) -> Peer:
        return self.peers["thumbor"]

    def originals(self, server: Server, kind: str, ids: list[str]) -> list[str]:
        """The ids, after seeing to it that the server has the picture `kind` under each."""
        missing = [id for id in ids if (server.pid, id) not in self._added]
        if missing:
            server.add(self.load, missing, self.pictures[kind])
            self._added.update((server.pid, id) for id in missing)
        return ids


@dataclass(frozen=True, slots=True)
class Table:
    """The pymagers of a table over the same stores, by name: with the memory cache, and without it."""

    name: str
    cached: Sequence[Pymager]
    uncached: Sequence[Pymager]

    @property
    def ours(self) -> tuple[str, ...]:
        """The names of our servers; both of a pair have the same."""
        return tuple(server.name for server in self.cached)


def make_pictures(folder: Path, kinds: set[str], photo: Path | None) -> dict[str, Path]:
    """The files that are needed; `photo` is one's own JPEG in place of the one of 12 megapixels."""
    found = {}
    for kind in kinds:
        width, height, extension = _MADE[kind]
        found[kind] = folder / f"{kind}.{extension}"
        if kind == "jpg" and photo:
            found[kind].write_bytes(photo.read_bytes())
        else:
            found[kind].write_bytes(pictures.encoded(pictures.photograph(width, height), extension))
    return found
