"""JPEG XL: the header of its codestream, its boxes, and what the codec must not do."""

import io
import threading
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pymager import formats
from pymager.engine import jxl, panics
from pymager.engine.containers.jxl import read_header
from pymager.engine.limits import PictureLimits
from pymager.errors import NotAPicture, Undecodable, UnsupportedFormat
from tests.engine.bit_writer import BitWriter
from tests.engine.checks import four_colors
from tests.engine.fidelity import boxes, jxl_kinds
from tests.engine.rendering import ALL, inspected, near, opened, quadrants, rendered
from tests.pictures import encoded
from tests.urls import parse_derived

ENUM_RGB, ENUM_GRAY = (0, 2), (1, 2)


def sized(width: int, height: int) -> BitWriter:
    """The beginning of a header: a size of up to 30 bits for each side."""
    return BitWriter().put(0, 1).put(3, 2).put(height - 1, 30).put(0, 3).put(3, 2).put(width - 1, 30)


def with_fields(bits: BitWriter, orientation: int = 1, *, preview: bool = False, animated: bool = False) -> BitWriter:
    """`extra_fields`: an orientation, no intrinsic size, and perhaps a preview of 16x32."""
    bits.put(0, 1).put(1, 1).put(orientation - 1, 3).put(0, 1).put(int(preview), 1)
    if preview:
        bits.put(1, 1).put(1, 2).put(0, 3).put(0, 2)
    return bits.put(int(animated), 1)


def with_samples(bits: BitWriter, channels: int = 0) -> BitWriter:
    """Samples of 8 bits, and a number of extra channels (up to 17)."""
    bits.put(0, 3).put(0, 1)
    return bits.put(channels, 2) if channels < 2 else bits.put(2, 2).put(channels - 2, 4)


def extra_channel(bits: BitWriter, kind: int, *flags: int) -> BitWriter:
    """An extra channel of a kind, with samples of 8 bits and a name of one byte."""
    bits.put(0, 1)
    bits = bits.put(kind, 2) if kind < 2 else bits.put(2, 2).put(kind - 2, 4)
    bits.put(0, 3).put(0, 2).put(1, 2).put(1, 4).put(65, 8)
    for flag in flags:
        bits.put(flag, 1)
    return bits


def with_color(bits: BitWriter) -> BitWriter:
    return bits.put(1, 1).put(1, 1)


def test_the_size_is_read_in_each_of_its_forms() -> None:
    assert read_header(sized(1_000_000_000, 7).put(1, 1).codestream()).size == (1_000_000_000, 7)
    eighths = BitWriter().put(1, 1).put(4, 5).put(0, 3).put(9, 5).put(1, 1)
    assert read_header(eighths.codestream()).size == (80, 40)
    for ratio, width in {1: 300, 2: 360, 3: 400, 4: 450, 5: 533, 6: 375, 7: 600}.items():
        bits = BitWriter().put(0, 1).put(0, 2).put(299, 9).put(ratio, 3).put(1, 1)
        assert read_header(bits.codestream()).size == (width, 300)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_swaps_the_sides(orientation: int) -> None:
    bits = with_color(with_samples(with_fields(sized(300, 200), orientation, preview=True)))
    assert read_header(bits.codestream()).size == ((300, 200) if orientation < 5 else (200, 300))


def test_the_first_channel_of_alpha_says_whether_colors_are_multiplied_by_it() -> None:
    depth, multiplied, straight = (1,), (0, 1), (0, 0)
    for channels, alpha, premultiplied in (
        ((multiplied,), True, True),
        ((straight,), True, False),
        ((depth, multiplied, straight), True, True),
        ((straight, multiplied), True, False),
        ((depth,), False, False),
    ):
        bits = with_samples(sized(8, 8).put(0, 2), len(channels))
        for kind, *flags in channels:
            extra_channel(bits, kind, *flags)
        header = read_header(with_color(bits).codestream())
        assert (header.alpha, header.premultiplied) == (alpha, premultiplied)


def test_multiplied_colors_are_divided_by_alpha() -> None:
    samples = bytes((100, 50, 0, 128)) * 4
    picture = jxl._picture("RGBA", (2, 2), samples, premultiplied=True)
    assert near(picture.getpixel((0, 0)), (199, 100, 0, 128), 1)
    gray = jxl._picture("LA", (2, 2), bytes((100, 128)) * 4, premultiplied=True)
    assert near(gray.getpixel((0, 0)), (199, 128), 1)


def test_gray_in_floating_point_is_cut_at_black_and_white() -> None:
    samples = np.array([-1, 0.5, 7, np.nan], np.float32).tobytes()
    picture = jxl._picture("F", (2, 2), samples, premultiplied=False)
    assert np.asarray(picture).ravel().tolist() == [0, 32_768, 65_535, 0]


def test_black_ink_is_refused_by_name() -> None:
    bits = extra_channel(with_samples(sized(8, 8).put(0, 2), 1), 4)
    with pytest.raises(NotAPicture, match="CMYK"):
        read_header(with_color(bits).codestream())


def test_an_animation_is_refused_by_name() -> None:
    with pytest.raises(NotAPicture, match="animated"):
        read_header(with_fields(sized(8, 8), animated=True).codestream())


def test_too_many_channels_and_too_many_pixels_are_refused_before_decoding() -> None:
    bits = sized(8, 8).put(0, 2).put(0, 3).put(0, 1).put(3, 2).put(4_000, 12)
    with pytest.raises(Undecodable, match="256 channels"):
        inspected(bits.codestream())
    with pytest.raises(Undecodable, match="at most 100000000"):
        inspected(sized(1 << 30, 1 << 30).put(1, 1).codestream())


def test_pixels_are_counted_exactly() -> None:
    assert inspected(jxl_kinds.LOSSLESS, PictureLimits(ALL.decoders, pixels=48 * 48)).width == 48
    with pytest.raises(Undecodable, match="48x48"):
        inspected(jxl_kinds.LOSSLESS, PictureLimits(ALL.decoders, pixels=48 * 48 - 1))


def test_a_codestream_in_parts_is_put_together() -> None:
    stream = jxl_kinds.LOSSY
    head = boxes.split(jxl_kinds.BOXES)[:2]
    parts = [(b"jxlp", b"\0\0\0\0" + stream[:100]), (b"xml ", b"<a/>"), (b"jxlp", b"\x80\0\0\1" + stream[100:])]
    assert inspected(boxes.joined([*head, *parts])).width == 96
    with pytest.raises(NotAPicture):
        inspected(boxes.joined([*head, *parts[:2]]))


def test_a_jpeg_in_it_is_not_reconstructed() -> None:
    """The reconstruction would be a file of its own, with limits and metadata of its own."""
    kinds = dict(boxes.split(jxl_kinds.JPEG))
    assert b"jbrd" in kinds
    broken = boxes.joined([(kind, b"\0" if kind == b"jbrd" else part) for kind, part in boxes.split(jxl_kinds.JPEG)])
    assert rendered(broken, 48, 48) == rendered(jxl_kinds.JPEG, 48, 48)


def test_boxes_are_counted() -> None:
    many = jxl_kinds.BOXES + boxes.box(b"free", b"") * 10_001
    with pytest.raises(Undecodable, match="10000 boxes"):
        inspected(many)


@pytest.mark.parametrize("work", [lambda: inspected(jxl_kinds.LOSSY), lambda: rendered(jxl_kinds.LOSSY, 90, 90, "jxl")])
def test_the_codec_starts_no_thread(work: Callable[[], object]) -> None:
    seen: set[int] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.add(_threads())

    watcher = threading.Thread(target=watch)
    before = _threads()
    watcher.start()
    work()
    stop.set()
    watcher.join()
    assert max(seen) <= before + 1


def _threads() -> int:
    with open("/proc/self/status") as status:  # noqa: PTH123 - many times a second
        return int(status.read().split("Threads:")[1].split()[0])


def test_quality_100_is_lossless() -> None:
    picture = four_colors()
    picture.putpixel((3, 3), (1, 2, 3))
    data = rendered(encoded(picture, "PNG"), 64, 32, "jxl", jxl_quality=100)
    assert opened(data).convert("RGB").tobytes() == picture.tobytes()


def test_a_variant_without_boxes_has_the_colors_of_its_original() -> None:
    data = rendered(encoded(four_colors(), "PNG"), 64, 32, "jxl")
    assert data is not None
    assert data.startswith(b"\xff\x0a")
    assert near(quadrants(opened(data).convert("RGB")), quadrants(four_colors()), 6)


def test_a_panic_of_a_decoder_becomes_an_error() -> None:
    class PanicException(BaseException):
        pass

    with pytest.raises(RuntimeError, match="panicked: oh"), panics.as_errors():
        raise PanicException("oh")
    with pytest.raises(KeyboardInterrupt), panics.as_errors():
        raise KeyboardInterrupt


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda module: False)


@pytest.mark.usefixtures("without_extras")
def test_without_the_extra_an_original_is_refused_with_its_name() -> None:
    from pymager.engine import plugins

    plugins.load_decoders.cache_clear()
    try:
        with pytest.raises(NotAPicture, match=r"begins like JXL, which needs pymager\[jxl\]"):
            inspected(jxl_kinds.LOSSY)
        with pytest.raises(NotAPicture, match=r"accepted formats: .*jp2, pcx"):
            inspected(b"anything else")
    finally:
        plugins.load_decoders.cache_clear()


@pytest.mark.usefixtures("without_extras")
def test_without_the_extra_a_variant_is_refused_with_its_name() -> None:
    with pytest.raises(
        UnsupportedFormat, match=r"not an output format without pymager\[jxl\]; output formats: avif, .*jp2, jpeg"
    ):
        parse_derived("cat-80x60.jxl")


def test_with_the_extra_a_variant_has_a_url() -> None:
    assert parse_derived("cat-80x60.JXL")[1].content_type == "image/jxl"


def test_a_truncated_file_is_refused() -> None:
    out = io.BytesIO()
    Image.effect_noise((200, 150), 60).save(out, "JXL")
    data = out.getvalue()
    for missing in (1, 2, 10, 1_000):
        with pytest.raises(NotAPicture):
            inspected(data[:-missing])
