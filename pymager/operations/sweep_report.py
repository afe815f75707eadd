"""The result of a sweep."""

from dataclasses import dataclass

from pymager.wording import counted


@dataclass(slots=True)
class SweepReport:
    """Counts of the blobs that a sweep listed and deleted; `freed` is in bytes.

    `waiting` are orphans that are kept for now, `outdated` are variants of recipes that are no longer current, `young`
    are within the grace period, `foreign` were not written by pymager, and `tidied` are leftovers that only the
    backends see. In a dry run `deleted` and `freed` count what a sweep would delete. `refusal` says why no orphan was
    deleted; None if the sweep did not refuse.
    """

    seen: int = 0
    originals: int = 0
    orphans: int = 0
    orphaned_originals: int = 0
    waiting: int = 0
    outdated: int = 0
    young: int = 0
    foreign: int = 0
    deleted: int = 0
    freed: int = 0
    tidied: int = 0
    refusal: str | None = None

    def summary(self, *, dry_run: bool) -> str:
        """The counts as one line of text."""
        deleted = f"{self.deleted} {'to delete' if dry_run else 'deleted'} ({self.freed:,} bytes)"
        return (
            f"{counted(self.seen, 'blob')} listed, {counted(self.orphans, 'orphan')}, {self.waiting} kept for now, "
            f"{self.outdated} outdated, {self.young} too young, "
            f"{self.foreign} not from pymager, {deleted}, {counted(self.tidied, 'leftover')} tidied"
        )


def counts(report: SweepReport) -> dict[str, int]:
    """The counts of a report by name."""
    return {name: getattr(report, name) for name in SweepReport.__slots__ if name != "refusal"}
