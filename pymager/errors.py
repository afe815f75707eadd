"""The errors that pymager raises on purpose, except those that only HTTP knows (`pymager.web.failures`).

PymagerError
├── BackendError                what a method of a port can raise (see pymager.ports)
│   ├── NotFound                no such blob, row or id
│   ├── AlreadyExists           the id has a row
│   ├── RevisionMismatch        the row has another revision than the expected one
│   ├── Fenced                  the revision can never be committed
│   ├── LeaseHeld               another holder has the lease
│   ├── LeaseLost               the lease has another holder by now, or none
│   ├── NoSpace                 the store is full; nothing was written
│   ├── PurgeFailed             a cache did not confirm a purge
│   └── Unavailable             the backend did not do its work; says whether the outcome is known
├── ConfigurationError          a setting that the service cannot start with
├── InvalidName                 an id or a variant's name that does not match the grammar
├── InvalidOption               an option of a variant that does not exist, or with a value that it does not take
├── UnknownPreset               no preset has the name
├── OriginalNotFound            no row has the id
├── UnsupportedFormat           an output format that pymager does not write
├── SizeNotAllowed              a size that the configuration does not allow
├── SignatureMisused            `sig` or `exp` where a URL cannot have it
├── SignatureRejected           a signature that is malformed, wrong or expired
├── SignatureRequired           a read that needs a signature or credentials
├── OptionNotAllowed            an option that the configuration does not allow in an unsigned URL
├── TooLarge                    a body over the limit
├── PictureError                a picture that is refused
│   ├── NotAPicture             not a picture of an accepted format, or damaged
│   ├── Undecodable             crashes, hangs or overwhelms its decoder, or exceeds a limit
│   ├── FrameNotFound           a frame or page beyond the last
│   ├── EmptyCrop               a crop that leaves nothing of the picture
│   └── VariantTooLarge         a variant of this picture that would exceed a limit
├── WatermarkMissing            the original of a watermark does not exist
├── WatermarkChanged            the original of a watermark was replaced or deleted during a render
├── MezzanineDamaged            a mezzanine that is damaged, or not that of the original
├── ImportRefused               a source of an import that cannot be imported
├── Overloaded                  a queue is full; try again later
├── RevisionGone                the revision to derive a variant from was deleted or replaced
└── OriginalLost                a row without its blob
"""

from collections.abc import Sequence


class PymagerError(Exception):
    """The root of the tree above."""


class BackendError(PymagerError):
    """What a method of a port can raise; each method's docstring lists which."""


class NotFound(BackendError):
    """No such blob, row or id."""


class AlreadyExists(BackendError):
    """An original with this id exists already."""


class RevisionMismatch(BackendError):
    """The original was changed in the meantime: its row has another revision than expected."""


class Fenced(BackendError):
    """The upload took so long that a sweep removed it: its revision was fenced, and can never be committed."""


class LeaseHeld(BackendError):
    """Another holder has the lease; `token` is its current token."""

    def __init__(self, token: str) -> None:
        super().__init__(f"the lease is held with token {token}")
        self.token = token


class LeaseLost(BackendError):
    """The lease has another holder by now, or none."""


class NoSpace(BackendError):
    """The store is full; nothing was written."""


class PurgeFailed(BackendError):
    """A cache did not confirm a purge. The message has no secret in it.

    `retry_after` is the number of seconds that the cache wants to be left alone, if it said so. `is_refused` says that
    the cache refused what was to be purged, and not the caller: other purges can succeed.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, is_refused: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_refused = is_refused


class Unavailable(BackendError):
    """A store could not be reached, or did not answer correctly.


    `outcome_known` is True if certainly nothing was changed, False if a mutation may or may not have happened.
    """

    def __init__(self, message: str, *, outcome_known: bool) -> None:
        super().__init__(message)
        self.outcome_known = outcome_known


class ConfigurationError(PymagerError):
    """A setting that the service cannot start with; the message names it and says what it must be."""


class InvalidName(PymagerError):
    """An id or a variant's name that does not match the grammar."""


class OriginalNotFound(PymagerError):
    """There is no original with this id."""

    def __init__(self, id: str, *, advises_upload: bool = True) -> None:
        advice = f"; upload it with POST /original/{id}" if advises_upload else ""
        super().__init__(f"there is no original '{id}'{advice}")
        self.id = id


class InvalidOption(PymagerError):
    """An option of a variant that does not exist, or with a value that it does not take."""


class UnknownPreset(PymagerError):
    """There is no preset with this name.

    `names` are those that exist, which only a user may see.
    """

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


class UnsupportedFormat(PymagerError):
    """An output format that pymager does not write, or not in that size."""


class SizeNotAllowed(PymagerError):
    """A size that the configuration does not allow."""


class SignatureMisused(PymagerError):
    """The parameter `sig` or `exp` where a URL cannot have it, or while signatures are off."""


class SignatureRejected(PymagerError):
    """The signature of a URL is malformed, wrong or expired."""


class SignatureRequired(PymagerError):
    """A read without a signature and without credentials, while signatures are required."""


class OptionNotAllowed(PymagerError):
    """An option that the configuration does not allow in an unsigned URL."""


class TooLarge(PymagerError):
    """A body over the limit."""


class PictureError(PymagerError):
    """A picture that is refused; the message says why."""


class NotAPicture(PictureError):
    """The bytes are not a picture of an accepted format, or it is damaged or incomplete."""


class Undecodable(PictureError):
    """A picture that crashes, hangs or overwhelms its decoder, or exceeds a limit."""


class FrameNotFound(PictureError):
    """A frame of an animation, or a page of a TIFF, beyond the last one."""


class EmptyCrop(PictureError):
    """A crop that leaves nothing of the picture."""


class VariantTooLarge(PictureError):
    """A variant that would exceed a limit, which depends on the picture."""


class WatermarkMissing(PymagerError):
    """The original of a watermark does not exist."""


class WatermarkChanged(PymagerError):
    """The original of a watermark was replaced or deleted during a render: resolve the variant again."""


class MezzanineDamaged(PymagerError):
    """A mezzanine that is damaged, incomplete, or not that of the original: make it again."""


class ImportRefused(PymagerError):
    """A source of an import that cannot be imported; the message says why."""


class Overloaded(PymagerError):
    """A queue is full.

    `retry_after` is in whole seconds.
    """

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RevisionGone(PymagerError):
    """The revision to derive a variant from was deleted or replaced: start again from the row."""


class OriginalLost(PymagerError):
    """A row whose blob is gone although its revision is current: data was lost outside of pymager."""
