"""The rows of a catalog: what is known of each original."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

MAX_PLACEHOLDER_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Description:
    """What the pixels of an original say about it. All but `frames` describe its first frame, as it is shown.

    `frames` counts the frames of an animation and the pages of a TIFF; it is 1 for other pictures. `alpha` says whether
    a pixel is not opaque. `dominant` is the most frequent color, `#rrggbb` in sRGB. `thumbhash` and `blurhash` are
    placeholders: a ThumbHash in Base64 with padding (RFC 4648 section 4), and a BlurHash of 4x3 components (3x4 for a
    portrait) over the background color. Texts have at most `MAX_PLACEHOLDER_LENGTH` characters of ASCII.
    """

    frames: int
    alpha: bool
    dominant: str
    thumbhash: str
    blurhash: str


@dataclass(frozen=True, slots=True)
class Original:
    """The row of an original. `width` and `height` are in pixels with the orientation applied, `size` is in bytes.

    `revision` is 32 hexadecimal digits, random for every upload; `format` is a name of `pymager.formats`;
    `sha256` is in lowercase hexadecimal; `created` is in UTC and whole seconds. The fields of `Description` are all
    None until the original is described: earlier versions wrote rows without them.
    """

    id: str
    revision: str
    format: str
    width: int
    height: int
    size: int
    sha256: str
    created: datetime
    frames: int | None = None
    alpha: bool | None = None
    dominant: str | None = None
    thumbhash: str | None = None
    blurhash: str | None = None

    @property
    def description(self) -> Description | None:
        """The description, or None if a field of it is missing."""
        frames, alpha, dominant = self.frames, self.alpha, self.dominant
        thumbhash, blurhash = self.thumbhash, self.blurhash
        if frames is None or alpha is None or dominant is None or thumbhash is None or blurhash is None:
            return None
        return Description(frames, alpha, dominant, thumbhash, blurhash)

    def with_description(self, description: Description) -> "Original":
        """The same row with a description."""
        return replace(self, **asdict(description))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing: `next` is the cursor of the next page, None after the last row."""

    items: tuple[Original, ...]
    next: str | None
