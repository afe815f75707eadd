"""How a copy went: for each thing one outcome, and of all of them the counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Copied:
    """It was copied, read back and found equal; `size` in bytes, 0 for a row."""

    size: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """TO has it already."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """FROM listed it and does not have it any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not copied, or is not proved to be right; the reason is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Surplus:
    """TO has it and FROM has not."""


Outcome = Copied | Known | Vanished | Refused | Surplus


@dataclass(slots=True)
class Report:
    """The counts; `bytes` of what was copied, `stopped` tells why the copy ended before its end."""

    copied: int = 0
    bytes: int = 0
    known: int = 0
    vanished: int = 0
    refused: int = 0
    surplus: int = 0
    stopped: str | None = None

    @property
    def seen(self) -> int:
        """How many things FROM has listed."""
        return self.copied + self.known + self.vanished + self.refused

    @property
    def is_whole(self) -> bool:
        """Whether TO has by now what FROM has. False for a FROM that has nothing: it is more likely a wrong one."""
        return self.seen > 0 and not self.refused and not self.surplus and self.stopped is None

    def count(self, outcome: Outcome) -> None:
        """One more of this outcome."""
        match outcome:
            case Copied(size):
                self.copied += 1
                self.bytes += size
            case Known():
                self.known += 1
            case Vanished():
                self.vanished += 1
            case Refused():
                self.refused += 1
            case Surplus():
                self.surplus += 1

    def told(self) -> str:
        """The counts in words."""
        copied = f"{self.copied} copied ({self.bytes:,} bytes)" if self.bytes else f"{self.copied} copied"
        words = f"{copied}, {self.known} there already, {self.refused} refused"
        words += f", {self.vanished} deleted meanwhile" if self.vanished else ""
        return words + (f", {self.surplus} only in TO" if self.surplus else "")
