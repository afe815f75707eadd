"""What clients of a cluster saw of each id, in the form that is checked for linearizability."""

import time
from collections import Counter, defaultdict
from dataclasses import replace

from tests.linearizability import Operation, impossible
from tests.live.client import Answer, Client, Lost
from tests.live.ledger import Ledger
from tests.live.numbered import numbered
from tests.live.sink import Sink

_OUTCOMES = {
    ("POST", 201): "created",
    ("POST", 409): "exists",
    ("PUT", 201): "created",
    ("PUT", 200): "replaced",
    ("DELETE", 204): "deleted",
    ("DELETE", 404): "absent",
}


class Histories:
    """Sends operations and records their outcomes, and tells the sink of those that have to be purged.

    A missing response and a 503 count as unknown.
    """

    def __init__(self, sink: Sink | None = None) -> None:
        self.answers: Counter[str] = Counter()
        self._sink = sink
        self._pictures = Ledger(0)
        self._operations: dict[str, list[Operation]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._operations.values()))

    @property
    def ids(self) -> list[str]:
        return list(self._operations)

    def count(self, id: str) -> int:
        """The operations on an id so far."""
        return len(self._operations[id])

    async def write(
        self, client: Client, method: str, id: str, number: int = 0, *, again: bool = False
    ) -> Answer | None:
        """Send a POST, PUT or DELETE; None if no response arrived. With `again`, the bytes that were sent last."""
        content, data = (0, b"") if method == "DELETE" else self._picture(id, again=again)
        started = Operation(number, method.lower(), content, time.monotonic_ns(), 0, "unknown")
        place = len(self._operations[id])
        self._operations[id].append(started)  # it counts from now on, even if no response arrives
        try:
            match method:
                case "POST":
                    answer = await client.post(id, data)
                case "PUT":
                    answer = await client.put(id, data)
                case _:
                    answer = await client.delete(id)
        except Lost:
            self.answers[f"{method} lost"] += 1
            return None
        self.answers[f"{method} {answer.status}"] += 1
        outcome = "unknown" if answer.status == 503 else _OUTCOMES.get((method, answer.status))
        assert outcome is not None, f"{method} of {id} was answered {answer}"
        self._operations[id][place] = replace(started, end=time.monotonic_ns(), outcome=outcome)
        # The same bytes change nothing.
        if self._sink is not None and (outcome == "deleted" or (outcome == "replaced" and not again)):
            self._sink.acknowledge(id, started.call / 1e9)
        return answer

    async def read(self, client: Client, id: str, size: tuple[int, int] | None = None, number: int = 0) -> int | None:
        """GET the original or a variant: the number of the content, 0 for a 404, None if no response arrived."""
        began = time.monotonic_ns()
        path = f"/original/{id}" if size is None else f"/derived/{id}-{size[0]}x{size[1]}.png"
        try:
            answer = await client.get(path)
        except Lost:
            self.answers["GET lost"] += 1
            return None
        ended = time.monotonic_ns()
        self.answers[f"GET {answer.status}"] += 1
        if answer.status == 503:
            return None
        of = self._pictures.content_of_original
        seen = (of(answer) if size is None else self._pictures.content_of_derived(answer, size)) or 0
        self._operations[id].append(Operation(number, "get", 0, began, ended, "seen", seen))
        return seen

    def _picture(self, id: str, *, again: bool) -> tuple[int, bytes]:
        sent = [operation.content for operation in self._operations[id] if operation.content] if again else []
        return (sent[-1], numbered(sent[-1])) if sent else self._pictures.new_picture()

    def impossible(self) -> list[str]:
        """The ids whose history is not linearizable, each with its operations."""
        found = [line.split()[0] for line in impossible(dict(self._operations))]
        return [f"{id}: {self._described(id)}" for id in found]

    def _described(self, id: str) -> str:
        operations = sorted(self._operations[id], key=lambda operation: operation.call)
        first = operations[0].call
        return "; ".join(
            f"[{(one.call - first) / 1e6:.1f} to {(one.end - first) / 1e6 if one.end else 'never'}] "
            f"{one.action} {one.content or ''} {one.outcome} {one.seen if one.outcome == 'seen' else ''}"
            for one in operations
        )
