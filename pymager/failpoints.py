"""Failpoints: named points in the code where a test can stop or kill the process.

`reached(name)` calls `hook` if a test has set one. `NAMES` lists every name, so that a test can check that each was
reached.
"""

from collections.abc import Callable

NAMES = (
    "upload.spooled",
    "upload.verified",
    "upload.mezzanine-put",
    "upload.blob-put",
    "upload.committed",
    "replace.committed",
    "remove.committed",
    "purge.delivering",
    "purge.confirmed",
    "purge.finished",
    "cleanup.original-deleted",
    "cleanup.derived-deleted",
    "derive.leased",
    "derive.mezzanine-made",
    "derive.mezzanine-put",
    "derive.rendering",
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
    """Report that the program has reached this point."""
    if hook is not None:
        hook(name)
