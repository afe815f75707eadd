"""`Variant`: the one value that says what a derived picture is, from its URL to the worker that renders it."""

from dataclasses import dataclass, field, replace
from typing import Any

from pymager import formats
from pymager.formats import Encoding, Format
from pymager.variants.colors import over
from pymager.variants.numbers import shown_size
from pymager.variants.options import BY_NAME, OPTIONS, Option

AUTO = "auto"
"""The format of a variant whose format is not negotiated yet."""

ENLARGING_FITS = ("cover", "contain", "fill")
"""The fits that promise an exact size, so that they enlarge by default."""

_SAME_TURNS = {
    (0, "hv"): (180, ""),
    (90, "hv"): (270, ""),
    (180, "h"): (0, "v"),
    (180, "v"): (0, "h"),
    (180, "hv"): (0, ""),
    (270, "h"): (90, "v"),
    (270, "v"): (90, "h"),
    (270, "hv"): (90, ""),
}
"""`rotate` and `flip` that do the same as others: there are eight ways to turn a picture."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A derived picture: its size, output format and options. All code that needs these takes them from here.

    `width` and `height` are in pixels, with `dpr` multiplied in; one of them is 0 if it follows from the picture's
    proportions. `format` is a name in `pymager.formats`, or `AUTO`. The other fields are the options of
    `pymager.variants.options` with the same names and in the same order; their defaults mean that the option is absent.

    `overlay` is the revision of the watermark's picture; it is filled in once the original is known. `animated` says
    that the variant moves if the original does.
    """

    width: int
    height: int
    format: str
    fit: str = "cover"
    enlarge: bool | None = None
    gravity: str = "center"
    q: int = 0
    bg: str = ""
    crop: str = ""
    trim: int | None = None
    rotate: int = 0
    flip: str = ""
    blur: float = 0.0
    sharpen: float = 0.0
    gray: bool = False
    watermark: str = ""
    overlay: str = ""
    animated: bool = False
    frame: int | None = None
    file_name: str = field(init=False, compare=False, repr=False)
    """The last part of the variant's key: `800x600.jpg`, `800x600_fit-inside_q-70.jpg`."""
    content_type: str = field(init=False, compare=False, repr=False)
    """The media type of its bytes; empty if the format is `AUTO`."""
    needs_original: bool = field(init=False, compare=False, repr=False)
    """Whether the key depends on the original: `pymager.library.resolution` then makes the final variant."""

    def __post_init__(self) -> None:
        # Computed once and not for every request: the hot path caches the requested variants.
        row = formats.FORMATS.get(self.format)
        extension = row.extension if row else self.format
        object.__setattr__(self, "file_name", f"{self.shown_size}{self._shown_options()}.{extension}")
        object.__setattr__(self, "content_type", row.content_type if row else "")
        depends = (self.format == AUTO, self.animated, self.watermark, self.crops_in_pixels, self.frame is not None)
        object.__setattr__(self, "needs_original", any(depends))

    def __hash__(self) -> int:
        return hash(self.file_name)  # which a string remembers; to hash all fields would take a microsecond

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; a side that follows is 0."""
        return self.width, self.height

    @property
    def shown_size(self) -> str:
        """The size as in a URL: `800x600`, `800x` or `x600`."""
        return shown_size(self.size)

    @property
    def is_one_sided(self) -> bool:
        """Whether one side follows from the picture's proportions."""
        return not (self.width and self.height)

    @property
    def crops_in_pixels(self) -> bool:
        """Whether `crop` is in pixels, so that it depends on the original what it leaves."""
        return self.crop != "" and "p" not in self.crop

    @property
    def enlarges(self) -> bool:
        """Whether a picture that is smaller than the variant is enlarged."""
        return self._enlarges_by_default if self.enlarge is None else self.enlarge

    @property
    def is_plain(self) -> bool:
        """Whether the variant has no options: the centered part of the picture in exactly this size."""
        return not self.is_one_sided and not any(option.is_set(self) for option in OPTIONS)

    @property
    def output(self) -> formats.Output:
        """How the format is written. Raises `KeyError` if it is `AUTO`."""
        return formats.output_of(self.format)

    def encoding(self, settings: Encoding) -> Encoding:
        """The encoding of this variant: the settings, with its own quality if it has one."""
        changes: dict[str, Any] = {self.output.quality_setting: self.q} if self.q else {}
        return replace(settings, **changes) if changes else settings

    def canonical(self, settings: Encoding) -> "Variant":
        """The same picture with every option dropped that changes nothing: each picture has one canonical variant.

        Rules that depend on the format only apply once it is known.
        """
        changes: dict[str, Any] = {}
        if self.is_one_sided:
            changes |= {"fit": "cover", "gravity": "center", "bg": ""}
        elif self.fit in ("inside", "fill") or (self.fit == "contain" and self.gravity == "smart"):
            changes["gravity"] = "center"
        if self.enlarge == self._enlarges_by_default:
            changes["enlarge"] = None
        if (turns := _SAME_TURNS.get((self.rotate, self.flip))) is not None:
            changes |= {"rotate": turns[0], "flip": turns[1]}
        if self.frame is not None:
            changes |= {"animated": False, "frame": self.frame or None}
        variant = replace(self, **changes) if changes else self
        return variant if variant.format == AUTO else variant._without_what_the_format_ignores(settings)

    def without(self, option: str) -> "Variant":
        """The variant without an option."""
        return replace(self, **{option: BY_NAME[option].default})

    def in_format(self, format: Format, settings: Encoding) -> "Variant":
        """The canonical variant in another format; a quality that it does not have is dropped."""
        assert format.output is not None
        return replace(self, format=format.name, q=self.q if format.output.quality_setting else 0).canonical(settings)

    def _without_what_the_format_ignores(self, settings: Encoding) -> "Variant":
        output = self.output
        changes: dict[str, Any] = {}
        if self.q and self.q == getattr(settings, output.quality_setting):
            changes["q"] = 0
        if self.animated and not output.animated:
            changes["animated"] = False
        if self.bg:
            changes["bg"] = self._visible_background(settings)
        return replace(self, **changes) if changes else self

    def _visible_background(self, settings: Encoding) -> str:
        """`bg` as the variant shows it: opaque where the output is, and empty where it makes no difference."""
        if self.output.has_transparency:
            return self.bg if self.fit == "contain" and self.bg[6:] != "00" else ""
        shown = over(self.bg, settings.background)
        return "" if shown == settings.background else bytes(shown).hex()

    @property
    def _enlarges_by_default(self) -> bool:
        return not self.is_one_sided and self.fit in ENLARGING_FITS

    def _shown_options(self) -> str:
        """The options in the name: `_fit-inside_q-70`. A key can hold no comma, so `-` takes its place."""
        shown = [f"_{option.name}-{self._shown(option)}" for option in OPTIONS if option.is_set(self)]
        return "".join(shown).replace(",", "-")

    def _shown(self, option: Option) -> str:
        text = option.show(getattr(self, option.name))
        return f"{text}-{self.overlay}" if option.name == "watermark" and self.overlay else text
