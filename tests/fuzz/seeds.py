"""The inputs from which the others are made: small, valid for the most part, and of every kind that a target knows."""

import json
from functools import cache
from io import BytesIO

from PIL import Image

from pymager.engine import protocol
from pymager.engine.jobs import Header, Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import Status
from pymager.formats import Encoding
from pymager.ports import Description
from pymager.sandbox.confinement import Confinement
from pymager.variants.variant import Variant
from tests.engine.fidelity.jpeg_kinds import lossless
from tests.engine.handmade import RGBA, gif, gif_frame, png
from tests.engine.hostile import HOSTILE
from tests.pictures import encoded, jpeg, svg

_MAX_HOSTILE_BYTES = 16_000
_EXIF_ROTATED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"

PICTURE_TOKENS = (
    *(b"\xff\xd8", b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xc3", b"\xff\xe1", b"\xff\xe2", b"\xff\xd9"),
    *(b"IHDR", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"cICP", b"gAMA", b"tRNS", b"eXIf", b"PLTE"),
    *(b"RIFF", b"WEBP", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"ALPH"),
    *(b"ftyp", b"avif", b"avis", b"heic", b"mif1", b"meta", b"iloc", b"iinf", b"iprp", b"ipco", b"ipma", b"ispe"),
    *(b"colr", b"nclx", b"prof", b"clap", b"irot", b"grid", b"moov", b"trak", b"stsz", b"stco", b"mdat"),
    *(
        b"JXL ",
        b"jxlc",
        b"jxlp",
        b"\xff\x0a",
        b"jp2h",
        b"ihdr",
        b"jp2c",
        b"II*\0",
        b"MM\0*",
        b"GIF89a",
        b"\x21\xf9\x04",
    ),
    *(b"<svg ", b"</svg>", b"<g>", b"viewBox=", b"width='9e9'", b"<!ENTITY a 'b'>", b"&#x0;", b"<use href='#a'/>"),
)


@cache
def pictures() -> tuple[bytes, ...]:
    """Of every format that has a walker."""
    rgb, gray = Image.new("RGB", (24, 16), (200, 30, 60)), Image.new("L", (24, 16), 90)
    frames = [Image.new("RGB", (24, 16), (red, 30, 60)) for red in (0, 90, 200)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 40, "loop": 0}
    found = [
        jpeg(24, 16),
        encoded(rgb, "JPEG", progressive=True, exif=_EXIF_ROTATED, icc_profile=b"0" * 200, comment=b"a comment"),
        lossless(),
        *(encoded(rgb, format) for format in ("PNG", "GIF", "WEBP", "BMP", "ICO", "PPM", "TGA", "PCX", "SGI", "AVIF")),
        *(encoded(rgb, "TIFF", compression=how) for how in ("raw", "tiff_lzw", "jpeg", "packbits")),
        encoded(rgb, "TIFF", big_tiff=True),
        encoded(gray, "JPEG2000"),
        encoded(rgb, "WEBP", lossless=True, exif=_EXIF_ROTATED[6:], icc_profile=b"0" * 200),
        png(3, 2, 8, RGBA, bytes(12)),
        gif(8, 8, [gif_frame(0, 0, 8, 8, 1), gif_frame(2, 2, 4, 4, 0)], bytes(6)),
        svg(24, 16),
        b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><defs><g id='a'><path d='M0 0L9 9z'/></g></defs>"
        b"<use href='#a' transform='rotate(9)'/><style>path{fill:red}</style></svg>",
        b"\xff\x0a" + bytes(range(64)),
        b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl " + b"\0\0\0\x18jxlc\xff\x0a" + bytes(14),
        *(_moving(frames[0], format, **moving) for format in ("PNG", "GIF", "WEBP", "AVIF", "TIFF")),
    ]
    hostile = [make() for make in HOSTILE.values()]
    return (*found, *(data for data in hostile if len(data) <= _MAX_HOSTILE_BYTES))


def _moving(picture: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


RESPONSE_TOKENS = (
    *(b"HTTP/1.1 ", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close"),
    *(b"Content-Range: bytes 0-9/10", b"ETag: ", b"Last-Modified: ", b"0", b"10", b"+1", b"\x0b", b"\x85", b"\xa0"),
)


def responses() -> tuple[bytes, ...]:
    """Of a store that speaks S3."""
    dated = b'Last-Modified: Sun, 29 Nov 2026 01:28:09 GMT\r\nETag: "a"\r\n'
    return (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n" + dated + b"\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n" + dated + b"\r\n" + bytes(200),
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n" + dated + b"\r\n2345",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 38\r\n\r\n<Error><Code>NoSuchKey</Code></Error>\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n" + dated + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    )


ERROR_TOKENS = (b"<Code>", b"</Code>", b"<Message>", b"</Message>", b"status code: 503", b" - ", b"certificate", b"\n")


def s3_errors() -> tuple[bytes, ...]:
    """The texts of obstore's exceptions, which quote the response."""
    return (
        b"Generic S3 error: Error performing PUT http://127.0.0.1/b/k in 2ms - Server returned non-2xx status code: "
        b"507 Insufficient Storage: <?xml version='1.0'?><Error><Code>XMinioStorageFull</Code><Message>full</Message>"
        b"</Error>",
        b"The operation lacked the necessary privileges: <Error><Code>AccessDenied</Code></Error>",
        b"Generic S3 error: error sending request: invalid peer certificate: UnknownIssuer",
        b"Generic S3 error: Received redirect without LOCATION, this normally indicates a wrong region",
    )


FORWARDED_TOKENS = (b"for=", b'"', b'\\"', b"\\", b",", b";", b"[2001:db9::7]:80", b"10.1.2.3", b"unknown", b" ", b"_a")


def forwarded() -> tuple[bytes, ...]:
    """What proxies and clients write into `Forwarded` and `X-Forwarded-For`."""
    return (
        b"for=192.0.2.60;proto=http;by=203.0.113.43",
        b'for="[2001:db8:cafe::17]:4711"',
        b"for=10.1.2.3, for=10.2.3.4",
        b'for="_gazonk", for=unknown',
        b'for="6.6.6.6',
        b'for="a\\"b, for=6.6.6.6"',
        b"6.6.6.6, 10.1.2.3:80",
        b"",
    )


ACCEPT_TOKENS = (b"image/avif", b"image/webp", b"image/*", b"*/*", b";q=0", b";q=1.000", b";", b",", b'"', b"\\", b"\t")


def accepts() -> tuple[bytes, ...]:
    """What browsers send as `Accept`."""
    return (
        b"image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        b"image/webp;q=0, image/avif;q=0.001 ; ",
        b'image/avif;v="a,b";q=1, image/webp',
        b"*/*",
        b"",
    )


RANGE_TOKENS = (b"bytes=", b"-", b"0", b"999999999999999999999", b",", b'W/"tag"', b'"tag"', b"*", b"|", b" ")


def ranges() -> tuple[bytes, ...]:
    """`Range`, and after a bar what another conditional header has."""
    return (
        b'bytes=0-99|"tag"',
        b'bytes=5-|W/"tag"',
        b"bytes=-5|Sun, 29 Nov 2026 00:00:00 GMT",
        b'"a", W/"b", "tag"|*',
        b"Sunday, 29-Nov-26 00:00:00 GMT|Sun Nov 29 00:00:00 2026",
        b"bytes=0-0,5-9|",
    )


FORM_TOKENS = (
    *(b"--x", b"--x--", b"\r\n", b"\r\n--x\r\n", b"Content-Disposition: form-data; name=", b'"file"', b'"', b"\\"),
    *(b"boundary=", b";", b"=", b'"a b"', b"Content-Length: 5", b"Content-Type: image/jpeg", b"; filename*=UTF-8''a"),
)


def forms() -> tuple[bytes, ...]:
    """Multipart forms whose boundary is `x`."""
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    field = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\na title\r\n'
    return (
        file + b"\xff\xd8 the picture \xff\xd9\r\n--x--\r\n",
        field + file + b"\r\n-- almost --x\r\n--x--",
        b"a preamble\r\n" + field * 3 + file + b"1\r\n--x--\r\nan epilogue",
        file + b"one\r\n" + file + b"two\r\n--x--\r\n",
        b"--x--\r\n",
    )


def content_types() -> tuple[bytes, ...]:
    """What uploads have as `Content-Type`."""
    return (
        b"multipart/form-data; boundary=----WebKitFormBoundaryABCdef",
        b'multipart/form-data; charset=utf-8; boundary="a b\\"c"',
        b"multipart/form-data; boundary=----=_Part_0_8.16;",
        b"image/jpeg",
    )


VARIANT_TOKENS = (
    *(
        b"fit=",
        b"cover",
        b"contain",
        b"inside",
        b"fill",
        b"&",
        b"=",
        b"q=",
        b"dpr=",
        b"2.5",
        b"crop=",
        b"10p,10p,50p,50p",
    ),
    *(
        b"bg=",
        b"ff000080",
        b"gravity=smart",
        b"rotate=90",
        b"flip=h",
        b"trim=10",
        b"sharpen=1",
        b"blur=2",
        b"gray=true",
    ),
    *(
        b"animated=true",
        b"frame=1",
        b"watermark=logo",
        b"enlarge=true",
        b"%",
        b"%2c",
        b"?",
        b"-",
        b"x",
        b"@thumb",
        b".auto",
    ),
    *(b"999999999", b"\xe2\x80\x8d", b"..", b"/", b"\0", b"v=1"),
)


def variants() -> tuple[bytes, ...]:
    """What stands after `/derived/`."""
    return (
        b"cat-800x600.jpg",
        b"cat-800x.webp?fit=inside&q=70&dpr=1.5",
        b"cat-x600.auto?crop=10p,10p,50p,50p&gravity=smart",
        b"cat-80x60.png?fit=contain&bg=ff000080&rotate=90&flip=h&gray=true",
        b"cat-80x60.gif?animated=true&blur=2&watermark=logo",
        b"cat-80x60.avif?frame=3&trim=10&sharpen=1",
        b"cat@thumb.jpg?dpr=2",
        "\u732b-1x1.jp2?v=3".encode(),
    )


ANSWER_TOKENS = (b'"', b"{", b"}", b"[" * 50, b":", b"null", b"true", b"-1", b"1e999", b"\\ud800", b"NaN", b"9" * 30)


def worker_answers() -> tuple[bytes, ...]:
    """What a worker process answers."""
    description = Description(1, False, "#c81e3c", "k+8FBwB4eIiPiHh4d4eHh4dw", "LEHV6nWB2yk8pyo0adR*.7kCMdnj")
    inspection = protocol.inspection_answer(Inspection("jpeg", 24, 16, description))
    failure = json.dumps({"error": "Undecodable", "message": "it is damaged", "traceback": ""}).encode()
    return (
        inspection,
        protocol.header_answer(Header("jpeg", 24, 16)),
        protocol.answer(Status.FAILED, failure),
        protocol.answer(Status.BODY, b"a variant"),
        protocol.answer(Status.ORIGINAL),
        protocol.answer(Status.READY),
        inspection + protocol.answer(Status.FILE),
    )


def worker_requests() -> tuple[bytes, ...]:
    """What the server asks of a worker process."""
    job = RenderJob(Variant(80, 60, "jpeg"), Encoding(), upright=(4_000, 3_000), source="0" * 64)
    return (
        protocol.start_request(1 << 30, 30, PictureLimits(("*",)), Confinement(7, seccomp=True)),
        protocol.header_request(),
        protocol.inspect_request((255, 255, 255), Mezzanine(256, "0" * 64)),
        protocol.mezzanine_request(Mezzanine(256, "0" * 64)),
        protocol.render_request(job),
    )
