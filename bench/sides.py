"""What each server is sent in a case."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from bench.cases import Case
from bench.load import Request
from bench.servers import Receiver, Server
from bench.stage import Stage

HIT_PICTURES = 16
FURTHER_ORIGINALS = 16
OTHER_SIZE = (640, 480)
PEER_SHARE = 0.3  # of the hits: thumbor's take long enough to be measured with fewer
FURTHER_SIZES = 20


@dataclass(frozen=True, slots=True)
class Side:
    """One server's part in a case: `requests(round, connections, count)` makes a block's requests, anew each time.

    `warm_up()` are requests that are sent before the first block; `scale` is for the number of requests in a block.
    """

    server: Server
    requests: Callable[[int, int, int], list[Request]]
    warm_up: Callable[[], list[Request]]
    expect: int = 200
    warm_expect: int = 200
    scale: float = 1.0


def side(case: Case, stage: Stage, server: Server, table: str) -> Side:
    """The part of a server in a case of a table, which has originals of its own."""
    match case.kind:
        case "hit":
            return _hit(case, stage, server)
        case "not-modified":
            return _not_modified(case, stage, server)
        case "first":
            return _first(case, stage, server, f"{table}-{case.name}")
        case "further":
            return _further(case, stage, server, f"{table}-{case.name}")
        case "upload":
            return _upload(case, stage, cast(Receiver, server), f"{table}-{case.name}")


def _hit(case: Case, stage: Stage, server: Server) -> Side:
    def requests(*_: int) -> list[Request]:
        ids = stage.originals(server, case.original, [f"hit-{number}" for number in range(HIT_PICTURES)])
        return [server.derived(id, *case.target) for id in ids]

    return Side(server, requests, lambda: requests() * 8, scale=_scale(stage, server))


def _not_modified(case: Case, stage: Stage, server: Server) -> Side:
    made: list[Request] = []

    def requests(*_: int) -> list[Request]:
        if not made:
            for request in _hit(case, stage, server).requests(0, 0, 0):
                etag = stage.load.fetch(server.port, request).headers["etag"]
                made.append(Request(request.path, headers={"If-None-Match": etag}))
        return made

    scale = _scale(stage, server)
    return Side(server, requests, lambda: requests() * 8, expect=304, warm_expect=304, scale=scale)


def _first(case: Case, stage: Stage, server: Server, prefix: str) -> Side:
    """No case shares its originals with another: what has been requested of them could make this one cheaper."""

    def asked(ids: list[str]) -> list[Request]:
        return [server.derived(id, *case.target) for id in stage.originals(server, case.original, ids)]

    def requests(round: int, connections: int, count: int) -> list[Request]:
        return asked([f"{prefix}-{round}-{connections}-{number}" for number in range(count)])

    return Side(server, requests, lambda: asked([f"{prefix}-warm-{number}" for number in range(4)]))


def _further(case: Case, stage: Stage, server: Server, prefix: str) -> Side:
    """New variants of a few originals, of all of which another variant has been requested before."""
    ids = [f"{prefix}-{number}" for number in range(FURTHER_ORIGINALS)]
    width, height, extension = case.target
    unit = math.gcd(width, height)  # other proportions would have to be cropped, which costs thumbor a full decode
    sizes = itertools.product(range(unit, unit - FURTHER_SIZES, -1), ids)

    def fresh(count: int) -> list[Request]:
        taken = list(itertools.islice(sizes, count))
        assert len(taken) == count, "more variants are wanted than there are sizes"
        return [server.derived(id, width // unit * part, height // unit * part, extension) for part, id in taken]

    def warm_up() -> list[Request]:
        stage.originals(server, case.original, ids)
        return [server.derived(id, *OTHER_SIZE, extension) for id in ids] + fresh(4)

    return Side(server, lambda _round, _connections, count: fresh(count), warm_up)


def _upload(case: Case, stage: Stage, server: Receiver, prefix: str) -> Side:
    def requests(round: int, connections: int, count: int) -> list[Request]:
        file = stage.pictures[case.original]
        return [server.upload(f"{prefix}-{round}-{connections}-{number}", file) for number in range(count)]

    return Side(server, requests, lambda: requests(-1, 0, 4), expect=201, warm_expect=201)


def _scale(stage: Stage, server: Server) -> float:
    return PEER_SHARE if server is stage.thumbor else 1.0
