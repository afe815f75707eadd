"""Animations for the tests: made byte by byte or by Pillow's encoders, and read without any code of pymager's.

libvips reads GIF and WebP. It decodes the parts of an APNG, which are composed here. ffmpeg reads AVIF, or Pillow's
libavif if there is no ffmpeg.
"""

import io
import json
import shutil
import struct
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.engine.handmade import PNG, chunk
from tests.pictures import encoded

Pixels = NDArray[np.int16]
"""Rows x columns x red, green, blue and alpha; colors are multiplied by alpha."""


@dataclass(frozen=True)
class Film:
    """What a reader shows: complete frames, milliseconds for each, and how often to play (0: without end)."""

    frames: list[Pixels]
    milliseconds: list[float]
    plays: int

    def at(self, time: float) -> Pixels:
        """What is visible after some milliseconds."""
        for frame, end in zip(self.frames, np.cumsum(self.milliseconds), strict=True):
            if time < end:
                return frame
        return self.frames[-1]


def scene(number: int, *, alpha: bool, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A frame with few colors. One shape moves, one stays in its place, and one is in some of the frames only."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0) if alpha else (200, 190, 160, 255))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((4, 40, 60, 58), fill=(90, 110, 90, 255))
    draw.rectangle((5 + number * 9, 8, 25 + number * 9, 30), fill=(150, 80, 70, 255))
    if number % 2:
        draw.ellipse((60, 30, 90, 60), fill=(70, 80, 140, 255))
    return picture if alpha else picture.convert("RGB")


MILLISECONDS = (100, 47, 70, 203, 50, 121)


def original(format: str, *, alpha: bool, plays: int) -> bytes:
    """The scene as Pillow's encoders write it."""
    first, *others = (scene(number, alpha=alpha) for number in range(len(MILLISECONDS)))
    options: dict[str, Any] = {"save_all": True, "append_images": others, "duration": list(MILLISECONDS)}
    if format == "gif":
        return encoded(first, "GIF", disposal=2 if alpha else 0, **options, **_netscape(plays))
    if format == "png":
        return encoded(first, "PNG", loop=plays, **options)
    if format == "webp":
        return encoded(first, "WEBP", loop=plays, lossless=True, **options)
    return with_avif_plays(encoded(first, "AVIF", quality=95, speed=8, subsampling="4:4:4", **options), plays)


def read(data: bytes) -> Film:
    """Read an animation, or a still picture as one of one frame, with an independent reader."""
    if data[:4] in (b"GIF8", b"RIFF"):
        return _read_vips(data)
    return _read_apng(data) if data[:8] == PNG else _read_avif(data)


def premultiplied(picture: Image.Image) -> Pixels:
    pixels = np.asarray(picture.convert("RGBA")).astype(np.float32)
    pixels[:, :, :3] *= pixels[:, :, 3:] / 255
    return np.rint(pixels).astype(np.int16)


def gif(size: tuple[int, int], parts: list[bytes], *, palette: bytes = b"", plays: int = 1) -> bytes:
    """A GIF89a with a global color table, or without one."""
    flags = 0x80 | (len(palette) // 3 - 1).bit_length() - 1 if palette else 0
    head = b"GIF89a" + struct.pack("<HHBBB", *size, flags, 0, 0) + palette
    if plays != 1:
        head += b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", max(0, plays - 1)) + b"\0"
    return head + b"".join(parts) + b";"


def gif_part(
    area: tuple[int, int, int, int],
    pixels: list[int],
    *,
    hundredths: int = 5,
    disposal: int = 0,
    transparent: int | None = None,
    palette: bytes = b"",
) -> bytes:
    """A picture of colors 0 to 3 at left, top, with width and height."""
    control = struct.pack(
        "<HBBHBB", 0xF921, 4, disposal << 2 | (transparent is not None), hundredths, transparent or 0, 0
    )
    codes = [code for pixel in pixels for code in (4, pixel)] + [5]
    bits = sum(code << 3 * index for index, code in enumerate(codes))
    packed = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(part)]) + part for part in (packed[i : i + 255] for i in range(0, len(packed), 255)))
    flags = 0x80 | (len(palette) // 3 - 1).bit_length() - 1 if palette else 0
    return control + b"," + struct.pack("<HHHHB", *area, flags) + palette + b"\x02" + blocks + b"\0"


def apng(size: tuple[int, int], parts: list[tuple[bytes, bytes]], *, plays: int = 0, default: bytes = b"") -> bytes:
    """An APNG in RGBA; `default` are the pixels of a default picture that is not part of the animation."""
    out, sequence = [chunk(b"acTL", struct.pack(">II", len(parts), plays))], 0
    if default:
        out.append(chunk(b"IDAT", default))
    for number, (control, pixels) in enumerate(parts):
        out.append(chunk(b"fcTL", struct.pack(">I", sequence) + control))
        is_default = number == 0 and not default
        out.append(chunk(b"IDAT", pixels) if is_default else chunk(b"fdAT", struct.pack(">I", sequence + 1) + pixels))
        sequence += 1 if is_default else 2
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0))
    return PNG + head + b"".join(out) + chunk(b"IEND")


def apng_part(
    area: tuple[int, int, int, int],
    color: tuple[int, int, int, int],
    *,
    delay: tuple[int, int] = (1, 20),
    disposal: int = 0,
    blend: int = 0,
) -> tuple[bytes, bytes]:
    """A part of one color at left, top, with width and height."""
    left, top, width, height = area
    return struct.pack(">IIIIHHBB", width, height, left, top, *delay, disposal, blend), png_pixels(width, height, color)


def png_pixels(width: int, height: int, color: tuple[int, int, int, int]) -> bytes:
    return zlib.compress((b"\0" + bytes(color) * width) * height)


def webp(size: tuple[int, int], parts: list[bytes], *, plays: int = 0, flags: int = 0x12) -> bytes:
    """An animated WebP. Without the bit 0x10 in `flags` it claims to have no transparency."""
    width, height = size
    head = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = _riff(b"VP8X", head) + _riff(b"ANIM", b"\x10\x20\xff\xff" + struct.pack("<H", plays)) + b"".join(parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_part(
    area: tuple[int, int, int, int],
    color: tuple[int, int, int, int],
    *,
    milliseconds: int = 50,
    blends: bool = True,
    clears: bool = False,
) -> bytes:
    """A part of one color, lossless."""
    left, top, width, height = area
    still = encoded(Image.new("RGBA", (width, height), color), "WEBP", lossless=True, exact=True)
    position = 12
    chunks = b""
    while position < len(still):
        kind, length = still[position : position + 4], struct.unpack_from("<I", still, position + 4)[0]
        chunks += still[position : position + 8 + length + (length & 1)] if kind != b"VP8X" else b""
        position += 8 + length + (length & 1)
    numbers = (left // 2, top // 2, width - 1, height - 1, milliseconds)
    head = b"".join(number.to_bytes(3, "little") for number in numbers) + bytes([(not blends) << 1 | clears])
    return _riff(b"ANMF", head + chunks)


def with_avif_plays(data: bytes, plays: int) -> bytes:
    """An AVIF of libavif's that plays without end, with another number of plays."""
    out, edits = bytearray(data), data.index(b"elst")
    (duration,) = struct.unpack_from(">Q", data, edits + 12)
    for kind, offset in ((b"mvhd", 28), (b"tkhd", 32)):
        position = data.find(kind)
        while plays and position >= 0:
            struct.pack_into(">Q", out, position + offset, duration * plays)
            position = data.find(kind, position + 1)
    return bytes(out)


def avif_plays(data: bytes) -> int:
    """How often a sequence of libavif's plays (ISO/IEC 14496-12, section 8.6.6); 0 without end."""
    (edit,) = struct.unpack_from(">Q", data, data.index(b"elst") + 12)
    (track,) = struct.unpack_from(">Q", data, data.index(b"tkhd") + 32)
    assert data[data.index(b"elst") + 7] & 1
    return 0 if track == (1 << 64) - 1 else -(-int(track) // int(edit))


def _netscape(plays: int) -> dict[str, int]:
    return {} if plays == 1 else {"loop": max(0, plays - 1)}


def _riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)


def _read_vips(data: bytes) -> Film:
    loader = pyvips.Image.gifload_buffer if data[:4] == b"GIF8" else pyvips.Image.webpload_buffer
    strip = loader(data, n=-1)
    names = strip.get_fields()
    height = strip.get("page-height") if "page-height" in names else strip.height
    if strip.interpretation == "b-w":
        strip = strip.colourspace("srgb")
    pixels = np.asarray(strip if strip.hasalpha() else strip.addalpha())
    frames = [premultiplied(Image.fromarray(pixels[top : top + height])) for top in range(0, strip.height, height)]
    delays = strip.get("delay") if "delay" in names else [0] * len(frames)
    return Film(frames, list(delays)[: len(frames)], strip.get("loop") if "loop" in names else 1)


def _read_apng(data: bytes) -> Film:
    """Composed here by the specification (PNG, third edition, section 11.3.6.2): Pillow blends half transparent pixels
    wrongly, and libvips reads only the first frame. libvips decodes the parts."""
    chunks = _png_chunks(data)
    head = next(content for kind, content in chunks if kind == b"IHDR")
    shared = [(kind, content) for kind, content in chunks if kind in (b"PLTE", b"tRNS")]
    control = [content for kind, content in chunks if kind == b"acTL"]
    if not control:
        return Film([premultiplied(Image.open(io.BytesIO(data)))], [0], 1)
    parts: list[tuple[bytes, bytes]] = []
    for kind, content in chunks:
        if kind == b"fcTL":
            parts.append((content, b""))
        elif kind in (b"IDAT", b"fdAT") and parts:
            parts[-1] = parts[-1][0], parts[-1][1] + (content if kind == b"IDAT" else content[4:])
    canvas = np.zeros((*struct.unpack(">II", head[:8])[::-1], 4))
    frames, times = [], []
    for number, (fields, pixels) in enumerate(parts):
        width, height, left, top, delay, unit, disposal, blend = struct.unpack_from(">IIIIHHBB", fields, 4)
        still = PNG + chunk(b"IHDR", fields[4:12] + head[8:]) + b"".join(chunk(*one) for one in shared)
        strip = pyvips.Image.pngload_buffer(still + chunk(b"IDAT", pixels) + chunk(b"IEND"))
        part = np.asarray(strip if strip.hasalpha() else strip.addalpha()).astype(float) / 255
        part[:, :, :3] *= part[:, :, 3:]
        before, area = canvas.copy(), (slice(top, top + height), slice(left, left + width))
        canvas[area] = part + canvas[area] * (1 - part[:, :, 3:]) if blend else part
        frames.append(np.rint(canvas * 255).astype(np.int16))
        times.append(1000 * delay / (unit or 100))
        if disposal == 1 or (disposal == 2 and number == 0):
            canvas[area] = 0
        elif disposal == 2:
            canvas = before
    return Film(frames, times, struct.unpack_from(">I", control[0], 4)[0])


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    position, found = 8, []
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def _read_avif(data: bytes) -> Film:
    plays = avif_plays(data) if b"elst" in data else 1
    if shutil.which("ffmpeg") and shutil.which("ffprobe") and b"elst" in data:
        return Film(*_read_ffmpeg(data), plays)
    frames, times = [], []
    with Image.open(io.BytesIO(data)) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            frames.append(premultiplied(picture))
            times.append(float(picture.info["duration"]))
    return Film(frames, times, plays)


def _read_ffmpeg(data: bytes) -> tuple[list[Pixels], list[float]]:
    """The first video stream, with the second one as alpha."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sequence.mp4")
        file.write_bytes(data)
        probed = _run("ffprobe", "-of", "json", "-show_streams", "-show_packets", str(file))
        streams = json.loads(probed)["streams"]
        packets = [packet for packet in json.loads(probed)["packets"] if packet["stream_index"] == 0]
        shape = (-1, streams[0]["height"], streams[0]["width"])
        options = ("-ignore_editlist", "1", "-i", str(file), "-fps_mode", "passthrough", "-f", "rawvideo")
        colors = _run("ffmpeg", *options, "-map", "0:0", "-pix_fmt", "rgb24", "-")
        rgb = np.frombuffer(colors, np.uint8).reshape(*shape, 3)
        alpha = np.full((*rgb.shape[:3], 1), 255, np.uint8)
        if len(streams) > 1:
            alpha = np.frombuffer(_run("ffmpeg", *options, "-map", "0:1", "-pix_fmt", "gray", "-"), np.uint8)
            alpha = alpha.reshape(*shape, 1)
    frames = [premultiplied(Image.fromarray(frame)) for frame in np.concatenate([rgb, alpha], axis=3)]
    return frames, [1000 * float(packet["duration_time"]) for packet in packets]


def _run(program: str, *arguments: str) -> bytes:
    return subprocess.run([program, "-loglevel", "error", *arguments], check=True, stdout=subprocess.PIPE).stdout
