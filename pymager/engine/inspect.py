"""Verifies an upload: decodes its first frame completely, renders one pixel of it, and describes it."""

from pymager.engine import mezzanine as mezzanines
from pymager.engine.decode import can_be_reduced, check_jpeg_pixels, decode, decode_jpeg
from pymager.engine.decode_steps import DECODE_STEPS
from pymager.engine.describe import describe
from pymager.engine.encode import encode
from pymager.engine.jobs import EncoderFailed, Header, Inspection, Mezzanine, RenderJob, Source
from pymager.engine.limits import PictureLimits
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.render import OUTPUT_STEPS
from pymager.engine.step import StepContext
from pymager.formats import Encoding
from pymager.variants import mezzanine as rules
from pymager.variants.geometry import Size, Target, turned_size
from pymager.variants.variant import Variant

_LARGEST_REDUCTION = 8
_ONE_PIXEL = RenderJob(Variant(1, 1, "png"), Encoding())
_ONE_PIXEL_TARGET = Target((1, 1), (1, 1), (0, 0))


def read_header(source: Source, limits: PictureLimits) -> Header:
    """Check all that `inspect` checks before it decodes a pixel. Raises as `inspect` does."""
    with open_original(source, limits, full_walk=True) as original:
        return Header(original.format, *original.size)


def inspect(
    source: Source, limits: PictureLimits, background: tuple[int, int, int], mezzanine: Mezzanine | None = None
) -> tuple[Inspection, bytes | None]:
    """Decode the picture in a file, say what it is, and make its mezzanine if one is requested and pays.

    `background` is the color behind a transparent picture. A JPEG is decoded at an eighth of its size, or at the
    fraction that its mezzanine needs: that reads every byte. Then one pixel goes through the whole pipeline: what is
    accepted can be rendered. Raises `NotAPicture` if the file is not a picture of an accepted format, or is damaged or
    incomplete; `Undecodable` if it exceeds a limit; `MemoryError`.
    """
    with open_original(source, limits, full_walk=True) as original:
        factor = 1
        if can_be_reduced(original):
            size = original.size
            mezzanine = _if_it_pays(mezzanine, original, size)
            factor = _LARGEST_REDUCTION if mezzanine is None else rules.jpeg_reduction(size, mezzanine.side)
            decoded = decode_jpeg(original, factor)
            if not original.container.has_end:
                check_jpeg_pixels(original)
        else:
            decoded = decode(original, verify=True)
            # Some decoders know the size only after decoding. An SVG can be drawn in any size.
            size = original.size if original.container.vector else decoded.picture.size
            mezzanine = _if_it_pays(mezzanine, original, size)
        context = StepContext(_ONE_PIXEL, (0, 0, 1, 1), _ONE_PIXEL_TARGET, (), decoded.profile, decoded.gray)
        info = decoded.picture.info
        pixel = decoded.picture.crop((0, 0, 1, 1))
        pixel.info = info
        for step in DECODE_STEPS + OUTPUT_STEPS:
            pixel = step(pixel, context)
        encode(pixel, _ONE_PIXEL)
        width, height = turned_size(size, (decoded.orientation,))
        inspection = Inspection(original.format, width, height, describe(decoded, original.frames, background))
        if mezzanine is None:
            return inspection, None
        try:
            return inspection, mezzanines.encoded(original, decoded, factor, mezzanine)
        except (MemoryError, EncoderFailed):  # an upload does not fail because its mezzanine cannot be made
            return inspection, None


def _if_it_pays(mezzanine: Mezzanine | None, original: OpenOriginal, size: Size) -> Mezzanine | None:
    """The requested mezzanine; None if an original of this size in pixels gets none."""
    if mezzanine is None or not rules.pays_for(original.format, size, len(original.data), mezzanine.side):
        return None
    return mezzanine
