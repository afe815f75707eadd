"""What a client knows of the ids that it writes: the oracle of the kills.

For each id the ledger has the set of possible states: the number of a picture, or None if there is no original. A
response leaves one possibility. If the response is lost, the old and the new state are both possible, until the next
response shows which is true. From then on it must stay true.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from itertools import count

from PIL import Image

from tests.live.client import Answer
from tests.live.numbered import MOST, number_of, numbered

Content = int | None
_EVENTS = 12


@dataclass
class Entry:
    """An id. `version` changes with every mutation that begins, `busy` is true until its response has arrived."""

    id: str
    possible: set[Content] = field(default_factory=lambda: {None})
    busy: bool = False
    version: int = 0
    events: list[str] = field(default_factory=list)

    def begin(self, event: str) -> None:
        """A mutation is sent."""
        self.busy = True
        self.version += 1
        self.note(event)

    def note(self, event: str) -> None:
        """Record an event for the message of a failure."""
        self.events = [*self.events[-_EVENTS:], event]

    def require(self, outcomes: set[Content], event: str) -> None:
        """Restrict the possible states to these. Fails if none of them was possible."""
        self.note(f"{event}: {self._shown(outcomes)} of {self._shown(self.possible)}")
        left = self.possible & outcomes
        assert left, f"{self.id} can't be so; what happened: {'; '.join(self.events)}"
        self.possible = left

    @property
    def present(self) -> set[Content]:
        """The pictures that the id may have."""
        return self.possible - {None}

    @staticmethod
    def _shown(contents: set[Content]) -> str:
        return "{" + ", ".join(sorted(map(str, contents))) + "}"


class Ledger:
    """The entries and the pictures that were made for them."""

    def __init__(self, ids: int) -> None:
        self.entries = [Entry(f"id-{number}") for number in range(ids)]
        self._numbers = count(1)
        self._by_hash: dict[str, int] = {}

    def new_picture(self) -> tuple[int, bytes]:
        """A picture that was never sent before, and its number."""
        number = next(self._numbers)
        assert number < MOST
        data = numbered(number)
        self._by_hash[sha256(data).hexdigest()] = number
        return number, data

    def written(self, entry: Entry, method: str, number: Content, answer: Answer | None) -> None:
        """Record the response to a mutation whose new state is `number`; None if no response arrived."""
        match method, None if answer is None else answer.status:
            # 503: not done, or not known whether.
            case ("POST", None | 503) if None not in entry.possible:
                pass
            case _, None | 503:
                entry.possible = entry.possible | {number}
                entry.note(f"{method} {number}: not known")
            case (("POST" | "PUT"), 201):
                entry.require({None}, f"{method} {number} created")
                entry.possible = {number}
            case "PUT", 200:
                entry.require(entry.present, f"PUT {number} replaced")
                entry.possible = {number}
            case "POST", 409:
                entry.require(entry.present, f"POST {number} exists")
            case "DELETE", 204:
                entry.require(entry.present, "DELETE done")
                entry.possible = {None}
            case "DELETE", 404:
                entry.require({None}, "DELETE of nothing")
            case _, status:
                raise AssertionError(f"{method} of {entry.id} was answered {status}: {answer}")
        entry.busy = False

    def content_of_original(self, answer: Answer) -> Content:
        """The number of the picture whose bytes a response has, None for a 404. Fails for any other bytes."""
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        number = self._by_hash.get(sha256(answer.body).hexdigest())
        assert number is not None, f"{len(answer.body)} bytes that nobody uploaded"
        return number

    def content_of_info(self, answer: Answer) -> Content:
        """The number of the picture that `/info` describes."""
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        return self._by_hash[answer.json["sha256"]]

    def content_of_derived(self, answer: Answer, size: tuple[int, int]) -> Content:
        """The number of the picture that a variant shows. Fails unless it is complete and has this size."""
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        with Image.open(BytesIO(answer.body)) as picture:
            picture.load()
            assert picture.size == size
            return number_of(picture)
