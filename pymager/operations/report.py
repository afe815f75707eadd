"""The result of a bulk run: one outcome per item, and their counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The item was copied, imported or rendered; `size` in bytes, 0 for a row."""

    size: int = 0


@dataclass(frozen=True, slots=True)
class Existing:
    """The item was already there."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The item was listed and is not there any more, or names an original that does not exist."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The item was not processed, or the result could not be verified; `reason` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Extra:
    """TO has the item and FROM does not."""


Outcome = Done | Existing | Missing | Failed | Extra


@dataclass(slots=True)
class Report:
    """Counts of outcomes; `bytes` of the items done. `stopped` says why the run ended early.

    `verb` and `missing_label` word the summary. A run over nothing is complete only if `may_be_empty`.
    """

    verb: str = "copied"
    missing_label: str = "deleted during the copy"
    may_be_empty: bool = False
    done: int = 0
    bytes: int = 0
    existing: int = 0
    missing: int = 0
    failed: int = 0
    extra: int = 0
    stopped: str | None = None

    @property
    def processed(self) -> int:
        """The number of items that the source listed so far."""
        return self.done + self.existing + self.missing + self.failed

    @property
    def is_empty(self) -> bool:
        """Whether the run reached its end without finding an item."""
        return not self.processed and self.stopped is None

    @property
    def is_complete(self) -> bool:
        """Whether everything that could be done is done."""
        if self.is_empty and not self.may_be_empty:
            return False
        return not self.failed and not self.extra and self.stopped is None

    def count(self, outcome: Outcome) -> None:
        """Add one outcome to the counts."""
        match outcome:
            case Done(size):
                self.done += 1
                self.bytes += size
            case Existing():
                self.existing += 1
            case Missing():
                self.missing += 1
            case Failed():
                self.failed += 1
            case Extra():
                self.extra += 1

    def summary(self) -> str:
        """The counts as one line of text."""
        size = f" ({self.bytes:,} bytes)" if self.bytes else ""
        parts = [f"{self.done} {self.verb}{size}", f"{self.existing} already there", f"{self.failed} failed"]
        if self.missing:
            parts.append(f"{self.missing} {self.missing_label}")
        if self.extra:
            parts.append(f"{self.extra} only in TO")
        return ", ".join(parts)
