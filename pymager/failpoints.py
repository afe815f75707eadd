"""Named points in the code where a test may end the process; they do nothing in production.

`reached(name)` calls `hook` where one is set. The names in use stand in `NAMES`, so that a test can ask that each
was hit.
"""

from collections.abc import Callable

NAMES = (
    "upload.spooled",
    "upload.verified",
    "upload.blob-put",
    "upload.committed",
    "replace.committed",
    "remove.committed",
    "cleanup.original-deleted",
    "cleanup.derived-deleted",
    "derive.leased",
    "derive.rendered",
    "derive.blob-put",
    "derive.released",
    "sweep.fenced",
    "sweep.deleted",
    "file.written",
    "file.renamed",
    "file.synced",
    "sql.before-commit",
    "sql.after-commit",
)

hook: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """Say that the program is at this point."""
    if hook is not None:
        hook(name)
