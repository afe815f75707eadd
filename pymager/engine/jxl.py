"""The JPEG XL codec, from the optional package pillow-jxl-plugin. Pillow's plugin in it decodes files before their
size can be checked, and starts a thread for each core; only its codec is used.
"""

from functools import cache
from typing import IO, Any

from PIL import Image, ImageFile

from pymager.engine import panics
from pymager.engine.containers import jxl

_THREADS = 0  # decode and encode in the thread that calls
_DEFAULT_QUALITY, _LOSSLESS_QUALITY = 90, 100
_DEFAULT_EFFORT = 4
_MAX_HEADER_BYTES = 64 << 10


def register() -> None:
    """Register the codec with Pillow. The first picture imports pillow-jxl-plugin."""
    Image.register_open(JxlImageFile.format, JxlImageFile, _is_codestream)
    Image.register_save(JxlImageFile.format, _save)


def _is_codestream(prefix: bytes) -> bool:
    return prefix.startswith(jxl.CODESTREAM)


@cache
def codec() -> Any:
    """Load libjxl."""
    import pillow_jxl  # registers its own plugin

    register()
    return pillow_jxl


class JxlImageFile(ImageFile.ImageFile):
    """A codestream. It is decoded when it is loaded; libjxl applies the orientation."""

    format = "JXL"
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None
        header = jxl.read_header(self.fp.read(_MAX_HEADER_BYTES))
        self._size, self._header = header.size, header
        if header.gray and not header.alpha and header.bits > 8:
            self._mode = "I;16"
        else:
            self._mode = ("L" if header.gray else "RGB") + ("A" if header.alpha else "")
        self.tile = []
        self._is_loaded = False

    def load(self) -> Any:
        """Decode the picture. Raises `RuntimeError` if it is damaged or incomplete."""
        if not self._is_loaded:
            assert self.fp is not None
            self.fp.seek(0)
            with panics.as_errors():
                _, info, samples, profile, _ = codec().Decoder(num_threads=_THREADS)(self.fp.read())
            if (info.width, info.height) != self.size or info.num_channels != (1 if self._mode[0] in "LI" else 3):
                raise RuntimeError("the decoder contradicts the header")
            picture = _picture(info.mode, self.size, samples, premultiplied=self._header.premultiplied)
            self.im, self._mode = picture.im, picture.mode
            if self._header.color is None:
                self.info["icc_profile"] = profile
            self._is_loaded = True
        return super().load()


def _picture(mode: str, size: tuple[int, int], samples: bytes, *, premultiplied: bool) -> Image.Image:
    """A picture from the decoder's samples: it reduces colors to 8 bits, but not gray."""
    if mode in ("F", "F;16", "LA"):
        samples = _integers(mode, size, samples)
        mode = "I;16" if mode != "LA" else mode
    if premultiplied and mode in ("LA", "RGBA"):
        return Image.frombytes(mode[:-1] + "a", size, samples).convert(mode)
    return Image.frombytes(mode, size, samples)


def _integers(mode: str, size: tuple[int, int], samples: bytes) -> bytes:
    """Gray in floating point with 16 bits, and gray with alpha with 8 bits. Values below black or above white are cut.

    The decoder calls gray with alpha LA, however many bits it has.
    """
    channels = 2 if mode == "LA" else 1
    sample_bytes = len(samples) // (size[0] * size[1] * channels)
    if sample_bytes == 1:
        return samples
    import numpy as np

    if sample_bytes == 4:
        values = np.nan_to_num(np.frombuffer(samples, np.float32), nan=0.0)
        integers = np.rint(np.clip(values, 0, 1) * 65_535).astype(np.uint16)
    else:
        integers = np.frombuffer(samples, np.uint16)
    return (integers >> 8).astype(np.uint8).tobytes() if mode == "LA" else integers.astype("<u2").tobytes()


def _save(picture: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Write a picture in L, LA, RGB or RGBA.

    The options are `quality`, 100 being lossless, `effort`, 1 to 9, and `exif` and `xmp`, the contents of boxes.
    """
    options = picture.encoderinfo
    quality = options.get("quality", _DEFAULT_QUALITY)
    with panics.as_errors():
        encoder = codec().Encoder(
            mode=picture.mode,
            lossless=quality >= _LOSSLESS_QUALITY,
            quality=quality,
            effort=options.get("effort", _DEFAULT_EFFORT),
            use_container=bool(options.get("exif") or options.get("xmp")),
            num_threads=_THREADS,
        )
        boxes = {name: options.get(name) for name in ("exif", "xmp")}
        file.write(encoder(picture.tobytes(), *picture.size, jpeg_encode=False, **boxes))
