"""Every error that pymager raises on purpose.

PymagerError
├── BackendError                what a method of a port may raise (see pymager.ports)
│   ├── NotFound                no such blob, row or id
│   ├── AlreadyExists           the id has a row
│   ├── RevisionMismatch        the row is of another revision than the expected one
│   ├── Fenced                  the revision may never be committed (any more)
│   ├── Held                    another's lease stands
│   ├── Lost                    the lease is another's by now
│   ├── NoSpace                 the store is full; nothing was written
│   └── Unavailable             the backend did not do its work, with whether the outcome is known
├── ConfigurationError          a setting that the service can't start with
├── InvalidName                 an id or a derived name that is not of the right form
├── OriginalNotFound            no row has the id
├── UnsupportedFormat           an output format that pymager does not write
├── SizeNotAllowed              a size that the configuration does not allow
├── TooLarge                    a body over the limit
├── PictureError                what is wrong with a picture
│   ├── NotAPicture             not a picture of an accepted format, or one cut short
│   └── Undecodable             one that crashes, hangs or overwhelms the decoder, or is over a limit
├── Overloaded                  the queue is full; try again later
└── OriginalLost                a row whose blob is gone
"""


class PymagerError(Exception):
    """The root of the tree above."""


class BackendError(PymagerError):
    """What a method of a port may raise; each method's docstring lists which."""


class NotFound(BackendError):
    """No such blob, row or id."""


class AlreadyExists(BackendError):
    """The id has a row already."""


class RevisionMismatch(BackendError):
    """The row is of another revision than the one the caller expected."""


class Fenced(BackendError):
    """The revision was fenced, or used before: it can never be committed."""


class Held(BackendError):
    """Another's lease stands, with the token it has now."""

    def __init__(self, token: str) -> None:
        super().__init__(f"the lease is held with token {token}")
        self.token = token


class Lost(BackendError):
    """The lease is another's by now."""


class NoSpace(BackendError):
    """The store is full; nothing of what was to be written is left behind."""


class Unavailable(BackendError):
    """The backend could not be reached or did not answer as it should.

    `outcome_known` is True where certainly nothing was changed, False where a mutation may or may not have happened.
    """

    def __init__(self, message: str, *, outcome_known: bool) -> None:
        super().__init__(message)
        self.outcome_known = outcome_known


class ConfigurationError(PymagerError):
    """A setting that the service can't start with; the message names it and says what would be right."""


class InvalidName(PymagerError):
    """An id or a derived name that is not of the right form."""


class OriginalNotFound(PymagerError):
    """No row has the id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no original '{id}'; upload one with POST /original/{id}")
        self.id = id


class UnsupportedFormat(PymagerError):
    """An output format that pymager does not write, or can't write in that size."""


class SizeNotAllowed(PymagerError):
    """A size that the configuration does not allow."""


class TooLarge(PymagerError):
    """A body over the limit."""


class PictureError(PymagerError):
    """What is wrong with a picture; the message is a sentence for the client."""


class NotAPicture(PictureError):
    """The bytes are not a picture of an accepted format, or one that was cut short."""


class Undecodable(PictureError):
    """A picture that crashes, hangs or overwhelms its decoder, or is over a limit."""


class Overloaded(PymagerError):
    """A queue is full. `retry_after` is in whole seconds."""

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OriginalLost(PymagerError):
    """A row whose blob is gone, though its revision is current: data was lost outside of pymager."""
