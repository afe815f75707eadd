"""`Accept` headers that clients send or could send, and what each of them names among AVIF, WebP and JPEG XL."""

from dataclasses import dataclass

_BOTH, _AVIF, _WEBP, _NONE = ("avif", "webp"), ("avif",), ("webp",), ()


@dataclass(frozen=True)
class Accept:
    """A header, on one or more lines, and the negotiable formats that it takes; `who` sends it, or what it shows."""

    who: str
    lines: tuple[str, ...]
    takes: frozenset[str]


def _one(who: str, line: str, takes: tuple[str, ...]) -> Accept:
    return Accept(who, (line,), frozenset(takes))


BROWSERS = (
    _one("Chrome 85+, <img>", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", _BOTH),
    _one(
        "Chrome 85+, address bar",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
        "application/signed-exchange;v=b3;q=0.7",
        _BOTH,
    ),
    _one("Chrome 79, <img>", "image/webp,image/apng,image/*,*/*;q=0.8", _WEBP),
    _one("Chrome 32, <img>", "image/webp,*/*;q=0.8", _WEBP),
    _one("Chrome 31, <img>", "*/*", _NONE),
    _one("Firefox 128+, <img>", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", _BOTH),
    _one(
        "Firefox 132+, address bar",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8",
        _BOTH,
    ),
    _one("Firefox 93, <img>", "image/avif,image/webp,*/*", _BOTH),
    _one("Firefox 65, <img>", "image/webp,*/*", _WEBP),
    _one("Firefox 46, <img>", "image/png,image/*;q=0.8,*/*;q=0.5", _NONE),
    _one("Firefox 1.5, address bar", "text/xml,application/xml,application/xhtml+xml,text/html;q=0.9,*/*;q=0.5", _NONE),
    _one(
        "Safari 17, <img>",
        "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,"
        "image/*;q=0.8,*/*;q=0.5",
        (*_BOTH, "jxl"),
    ),
    _one(
        "Safari 16, <img>",
        "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        _BOTH,
    ),
    _one("Safari 14, <img>", "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", _WEBP),
    _one("Safari 13, <img>", "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", _NONE),
    _one("Safari, address bar", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", _NONE),
    _one("Edge 121+, <img>", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", _BOTH),
    _one("Edge 18, <img>", "image/webp, image/png, image/svg+xml, image/*; q=0.8, */*; q=0.5", _WEBP),
    _one("Internet Explorer 11, <img>", "image/png, image/svg+xml, image/*;q=0.8, */*;q=0.5", _NONE),
    _one(
        "Internet Explorer 8",
        "image/gif, image/jpeg, image/pjpeg, image/pjpeg, application/x-shockwave-flash, application/x-ms-application, "
        "application/x-ms-xbap, application/vnd.ms-xpsdocument, application/xaml+xml, application/vnd.ms-excel, */*",
        _NONE,
    ),
    _one(
        "Opera 12",
        "text/html, application/xml;q=0.9, application/xhtml+xml, image/png, image/webp, image/jpeg, image/gif, "
        "image/x-xbitmap, */*;q=0.1",
        _WEBP,
    ),
)
"""What browsers send."""

PROGRAMS = (
    _one("curl, wget, python-requests, bingbot", "*/*", _NONE),
    Accept("Go, okhttp", (), frozenset()),
    _one("Java's HttpURLConnection", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", _NONE),
    _one("Lynx", "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01", _NONE),
    _one("w3m", "text/html, text/*;q=0.5, image/*, application/*", _NONE),
    _one(
        "Googlebot",
        "text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8",
        _NONE,
    ),
)
"""What other programs send."""

OTHERS = (
    _one("any image", "image/*", _NONE),
    _one("any image but AVIF", "image/*, image/avif;q=0", _NONE),
    _one("AVIF and no other image", "image/avif, image/*;q=0, */*;q=0", _AVIF),
    _one("only AVIF", "image/avif", _AVIF),
    _one("only JPEG", "image/jpeg", _NONE),
    _one("AVIF refused", "image/avif;q=0,image/webp,*/*", _WEBP),
    _one("AVIF refused with decimals", "image/avif;q=0.000, image/webp;q=0.001", _WEBP),
    _one("AVIF refused with a point", "image/avif;q=0.,image/webp;q=1.", _WEBP),
    _one("WebP refused", "image/avif,image/webp;q=0.0", _AVIF),
    _one("both refused", "image/avif ; q=0 , image/webp ; q=0 , */*", _NONE),
    _one("WebP preferred: the server's order decides", "image/webp;q=1.0,image/avif;q=0.1", _BOTH),
    _one("the smallest weight", "image/avif;q=0.001", _AVIF),
    _one("named twice, once refused", "image/avif,image/webp,image/avif;q=0", _WEBP),
    _one("named twice, first refused", "image/avif;q=0,image/avif,image/webp", _WEBP),
    _one("named twice", "image/webp;q=0.5,image/webp", _WEBP),
    _one("upper case", "IMAGE/AVIF;Q=0.5,Image/WebP;Q=0", _AVIF),
    _one("blanks and tabs", "\timage/avif\t;\tq=0.9 ,  image/webp  ", _BOTH),
    _one("empty elements", ",, ,image/webp,,", _WEBP),
    _one("empty", "", _NONE),
    _one("blanks", "  ", _NONE),
    _one("a weight without digits before the point", "image/avif;q=.5,image/webp", _WEBP),
    _one("a weight of four decimals", "image/avif;q=0.0001,image/webp;q=0.1234", _NONE),
    _one("a weight above 1", "image/avif;q=1.5,image/webp;q=2", _NONE),
    _one("a negative weight", "image/avif;q=-1,image/webp", _WEBP),
    _one("a weight that is a word", "image/avif;q=high,image/webp;q=0", _NONE),
    _one("a weight with an exponent", "image/avif;q=1e0,image/webp", _WEBP),
    _one("a weight without a value", "image/avif;q=,image/webp;q", _NONE),
    _one("a weight in quotation marks", 'image/avif;q="1",image/webp', _WEBP),
    _one("a weight with blanks", "image/avif;q = 1,image/webp", _WEBP),
    _one("two weights", "image/avif;q=1;q=0.5,image/webp", _WEBP),
    _one("digits of another script", "image/avif;q=0.５,image/webp;q=１", _NONE),
    _one("a profile", "image/avif;profile=x,image/webp", _WEBP),
    _one("a profile refused", "image/avif,image/avif;profile=x;q=0,image/webp", _BOTH),
    _one("a parameter after the weight", "image/avif;q=1;level=1,image/webp", _WEBP),
    _one("a type that only starts like it", "image/avif-sequence,image/webp2", _NONE),
    _one("a type that only ends like it", "x-image/avif,ximage/webp", _NONE),
    _one("a type in another's place", "text/html;image/avif,image/webp", _WEBP),
    _one("semicolons instead of commas", "image/avif;image/webp", _NONE),
    _one("blanks instead of commas", "image/avif image/webp", _NONE),
    _one("not a media type", "avif,webp,*", _NONE),
    _one("bytes that are not ASCII", "image/avif\xff,\xfe,image/webp", _WEBP),
    Accept("two lines", ("image/webp", "image/avif"), frozenset(_BOTH)),
    Accept("two lines, the second refuses", ("image/avif,image/webp", "image/avif;q=0"), frozenset(_WEBP)),
    Accept("ten lines", ("text/html",) * 9 + ("image/avif",), frozenset(_AVIF)),
)
"""What the rule leaves room for: weights, wildcards, parameters, several lines, malformed elements."""

ODD = (
    _one("an empty parameter", "image/avif;,image/webp; ;q=1;", _BOTH),
    _one("a comma in quotation marks", 'text/x;a=",image/avif,",image/webp', _WEBP),
    _one("a quotation mark in quotation marks", r'text/x;a="\",image/avif,\\",image/webp', _WEBP),
    _one("a quotation mark that is not closed", 'image/webp,text/x;a=",image/avif', _WEBP),
    _one("a quotation mark that ends with a backslash", 'image/webp,text/x;a=",image/avif\\', _WEBP),
    _one("too long", "image/avif,image/webp," + "x/y," * 300, _NONE),
    _one("very long", "image/avif," * 9_000, _NONE),
)
"""What a front server's expressions can treat in a simpler way."""

ALL = (*BROWSERS, *PROGRAMS, *OTHERS, *ODD)
