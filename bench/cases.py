"""What is measured: each case's requests to both servers, how many, and what is aimed at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.load import Request
from bench.servers import Server
from bench.stage import Stage

HITS = {1: 2000, 16: 3000, 64: 3000}
QUICK_HITS = {1: 400, 16: 600}
COLD = {1: 8, 16: 24, 64: 64}
QUICK_COLD = {1: 4, 16: 16}
LATER = {1: 4}
HIT_ROUNDS, ROUNDS = 5, 3


@dataclass(frozen=True, slots=True)
class Aim:
    """At most `ratio` times the CPU time of thumbor's answer, or of Pillow's bare decode."""

    ratio: float
    of: Literal["thumbor", "decode"]


@dataclass(frozen=True, slots=True)
class Side:
    """One server's part in a case: `requests(round, connections, count)` makes a block's requests, anew each time.

    `warm_up()` are requests that are sent once before the first block; `per_request` scales the number of requests.
    """

    server: Server
    requests: Callable[[int, int, int], list[Request]]
    warm_up: Callable[[], list[Request]]
    expect: int = 200
    warm_expect: int = 200
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the table for each number of connections in `counts`, which tells the requests in a block.

    `decode` is the size whose bare decode is the yardstick, of the original `picture`.
    """

    name: str
    title: str
    counts: dict[int, int]
    rounds: int
    sides: tuple[Side, ...]
    aim: Aim | None = None
    picture: str = ""
    decode: tuple[int, int] | None = None


def all_cases(stage: Stage, *, quick: bool) -> list[Case]:
    """Every case in the table's order."""
    hits, cold = (QUICK_HITS, QUICK_COLD) if quick else (HITS, COLD)
    cases = [
        _hit(stage, "hit-memory", "hit from memory", (stage.pymager,), hits, Aim(0.20, "thumbor")),
        _hit(stage, "hit-disk", "hit from disk", (stage.pymager_disk,), hits, Aim(0.25, "thumbor")),
        _not_modified(stage, (stage.pymager,), hits),
        _cold(stage, "cold-jpeg", "jpg", (800, 600, "jpg"), cold, Aim(1.2, "decode")),
        _cold(stage, "cold-jpeg-small", "jpg", (100, 100, "jpg"), cold, Aim(1.15, "decode")),
        _cold(stage, "cold-webp", "jpg", (800, 600, "webp"), cold, Aim(0.67, "thumbor")),
        _cold(stage, "cold-webp-default", "jpg", (800, 600, "webp"), cold, None, default=True),
        _cold(stage, "cold-webp-small", "jpg", (100, 100, "webp"), cold, None),
        _upload(stage, (stage.pymager_disk,), cold),
    ]
    later = [
        _cold(stage, f"cold-{kind}", kind, (800, 600, "jpg"), LATER, None)
        for kind in ("original-png", "original-webp", "original-24mp")
    ]
    return cases + later


def store_cases(stage: Stage, *, quick: bool) -> list[Case]:
    """The cases over a bucket and a shared catalog; thumbor stays on its folder."""
    hits, cold = (QUICK_HITS, QUICK_COLD) if quick else (HITS, COLD)
    cached = tuple(pair[0] for pair in stage.clusters.values())
    uncached = tuple(pair[1] for pair in stage.clusters.values())
    return [
        _hit(stage, "hit-memory", "hit from memory", cached, hits, Aim(0.25, "thumbor")),
        _hit(stage, "hit-disk", "hit from the bucket", uncached, hits, Aim(0.5, "thumbor")),
        _not_modified(stage, cached, hits),
        _cold(stage, "cold-jpeg", "jpg", (800, 600, "jpg"), cold, Aim(1.3, "decode"), ours=uncached),
        _upload(stage, uncached, cold),
    ]


def _hit(stage: Stage, name: str, title: str, ours: Sequence[Server], counts: dict[int, int], aim: Aim) -> Case:
    sides = (*(_hit_side(stage, server, 1.0) for server in ours), _hit_side(stage, stage.thumbor, 0.3))
    return Case(name, f"{title}, 800x600 JPEG", counts, HIT_ROUNDS, sides, aim)


def _hit_side(stage: Stage, server: Server, scale: float) -> Side:
    def requests(*_: int) -> list[Request]:
        ids = stage.originals(server, "jpg", [f"hit-{i}" for i in range(16)])
        return [server.derived(id, 800, 600, "jpg") for id in ids]

    return Side(server, requests, lambda: requests() * 8, scale=scale)


def _not_modified(stage: Stage, ours: Sequence[Server], counts: dict[int, int]) -> Case:
    sides = (*(_conditional(stage, server, 1.0) for server in ours), _conditional(stage, stage.thumbor, 0.3))
    return Case("not-modified", "304 to If-None-Match", counts, HIT_ROUNDS, sides, Aim(0.12, "thumbor"))


def _conditional(stage: Stage, server: Server, scale: float) -> Side:
    made: list[Request] = []

    def requests(*_: int) -> list[Request]:
        if not made:
            plain = _hit_side(stage, server, 1.0).requests(0, 0, 0)
            for request in plain:
                etag = stage.load.fetch(server.port, request).headers["etag"]
                made.append(Request(request.path, headers={"If-None-Match": etag}))
        return made

    return Side(server, requests, lambda: requests() * 8, expect=304, warm_expect=304, scale=scale)


def _cold(
    stage: Stage,
    name: str,
    kind: str,
    target: tuple[int, int, str],
    counts: dict[int, int],
    aim: Aim | None,
    *,
    default: bool = False,
    ours: Sequence[Server] = (),
) -> Case:
    width, height, extension = target
    ours = ours or (stage.pymager if default else stage.pymager_disk,)
    sides = tuple(_cold_side(stage, server, kind, target, name, ours) for server in (*ours, stage.thumbor))
    title = f"cold, {stage.titles[kind]} to {width}x{height} {'JPEG' if extension == 'jpg' else 'WebP'}"
    if default:
        title += ", default effort"
    if aim and extension == "webp" and stage.match and not stage.match.equal:
        title += " (not equal, see below)"
    decode = (width, height) if stage.pictures[kind].suffix == ".jpg" else None
    return Case(name, title, counts, ROUNDS, sides, aim, kind, decode)


def _cold_side(
    stage: Stage, server: Server, kind: str, target: tuple[int, int, str], name: str, ours: Sequence[Server]
) -> Side:
    # A case with the target of another one needs originals of its own, or it would measure hits.
    prefix = name if name == "cold-webp-default" else f"{kind}-{len(ours)}"

    def asked(ids: list[str]) -> list[Request]:
        return [server.derived(id, *target) for id in stage.originals(server, kind, ids)]

    def requests(round: int, connections: int, count: int) -> list[Request]:
        return asked([f"{prefix}-{round}-{connections}-{i}" for i in range(count)])

    return Side(server, requests, lambda: asked([f"{prefix}-warm-{i}" for i in range(4)]))


def _upload(stage: Stage, ours: Sequence[Server], counts: dict[int, int]) -> Case:
    sides = tuple(_upload_side(stage, server, len(ours)) for server in (*ours, stage.thumbor))
    return Case("upload", f"upload, {stage.titles['jpg']}", counts, ROUNDS, sides)


def _upload_side(stage: Stage, server: Server, table: int) -> Side:
    def requests(round: int, connections: int, count: int) -> list[Request]:
        file = stage.pictures["jpg"]
        return [server.upload(f"upload-{table}-{round}-{connections}-{i}", file) for i in range(count)]

    return Side(server, requests, lambda: requests(-1, 0, 4), expect=201, warm_expect=201)
