"""Which purgers have confirmed a purge: what the state of a purge in the outbox says."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from pymager.ports import NEW_PURGE_STATE, Purge

_FINAL, _EARLY = "+", "-"


@dataclass(frozen=True, slots=True)
class Progress:
    """The names of the purgers that have confirmed.

    A confirmation is `final` if the delivery began so late that no response from before the mutation can reach a cache
    any more, and otherwise `early`: the purger gets the purge once more.
    """

    early: frozenset[str] = frozenset()
    final: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, state: str, names: Collection[str]) -> Self:
        """The progress of the purgers with these names."""
        words = [] if state == NEW_PURGE_STATE else state.split(" ")
        return cls(
            frozenset(word[1:] for word in words if word[0] == _EARLY and word[1:] in names),
            frozenset(word[1:] for word in words if word[0] == _FINAL and word[1:] in names),
        )

    def __str__(self) -> str:
        early = [_EARLY + name for name in sorted(self.early - self.final)]
        return " ".join([_FINAL + name for name in sorted(self.final)] + early) or NEW_PURGE_STATE

    def confirmed(self, names: Iterable[str], *, is_final: bool) -> "Progress":
        """The progress after these purgers have confirmed."""
        if is_final:
            return Progress(self.early, self.final | frozenset(names))
        return Progress(self.early | frozenset(names), self.final)

    def has(self, name: str, *, is_final: bool) -> bool:
        """Whether a purger needs no delivery now."""
        return name in self.final or (not is_final and name in self.early)


def missing(purge: Purge, names: Collection[str]) -> list[str]:
    """Those of the purgers with these names that have not confirmed a purge for good, sorted."""
    return sorted(set(names) - Progress.parse(purge.state, names).final)
