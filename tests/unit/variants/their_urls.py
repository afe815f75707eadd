"""Translates URLs of imgproxy, thumbor and imagor to pymager's, for the examples of docs/how-to/migrating-urls.md.

Written from the documentation of those programs, and only for what the examples use: anything else raises `KeyError` or
`ValueError`.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_ON = {"1": True, "t": True, "true": True, "0": False, "": False}
_COMPASS = {
    "no": "north", "so": "south", "ea": "east", "we": "west", "ce": "center",
    "noea": "northeast", "nowe": "northwest", "soea": "southeast", "sowe": "southwest",
}  # fmt: skip
_SIZES = re.compile(r"(-?)([0-9]*)x(-?)([0-9]*)")
_CROP = re.compile(r"([0-9.]+)x([0-9.]+):([0-9.]+)x([0-9.]+)")
_ROTATED = {"90": "270", "180": "180", "270": "90"}  # from counterclockwise to clockwise


def imgproxy(url: str) -> str:
    """The URL of the same picture in pymager."""
    path, _, source = url.removeprefix("/").partition("/plain/")
    name, _, extension = source.rpartition("/")[2].partition("@")
    given: dict[str, Any] = {"type": "fit", "width": "0", "height": "0", "query": {}}
    for part in path.split("/")[1:]:
        option, *arguments = part.split(":")
        _IMGPROXY[option](given, arguments)
    id = name.partition(".")[0]
    if "preset" in given:
        return f"/derived/{id}@{given['preset']}.{extension or 'auto'}"
    return _built(id, given["width"], given["height"], extension or "auto", _imgproxy_fit(given) | given["query"])


def _imgproxy_fit(given: dict[str, Any]) -> dict[str, str]:
    enlarges, kind = _ON[given.get("enlarge", "0")], given["type"]
    if given["width"] == "0" or given["height"] == "0":
        return {"enlarge": "true"} if enlarges else {}
    if kind == "fit" and _ON[given.get("extend", "0")]:
        return {"fit": "contain"}
    if kind == "fit" and given.get("keeps_proportions"):
        return {"fit": "contain", "enlarge": "false"}
    if kind == "fit":
        return {"fit": "inside"} | ({"enlarge": "true"} if enlarges else {})
    return {"fill": {}, "fill-down": {}, "force": {"fit": "fill"}}[kind] | ({} if enlarges else {"enlarge": "false"})


def _sets(*names: str) -> Callable[[dict[str, Any], list[str]], None]:
    def apply(given: dict[str, Any], arguments: list[str]) -> None:
        given.update(zip(names, arguments, strict=False))

    return apply


def _query(name: str) -> Callable[[dict[str, Any], list[str]], None]:
    def apply(given: dict[str, Any], arguments: list[str]) -> None:
        (given["query"][name],) = arguments

    return apply


def _imgproxy_gravity(given: dict[str, Any], arguments: list[str]) -> None:
    kind, *rest = arguments
    given["query"]["gravity"] = {"sm": "smart", "fp": ",".join(rest)}.get(kind) or _COMPASS[kind]


def _imgproxy_crop(given: dict[str, Any], arguments: list[str]) -> None:
    width, height, gravity, *offset = arguments
    if gravity == "nowe":
        given["query"]["crop"] = ",".join((*offset, width, height))
        return
    assert gravity == "ce"
    edges = [(1 - Decimal(side)) / 2 for side in (width, height)]
    given["query"]["crop"] = _percent(*edges, Decimal(width), Decimal(height))


def _imgproxy_flip(given: dict[str, Any], arguments: list[str]) -> None:
    horizontal, vertical = map(_ON.__getitem__, arguments)
    given["query"]["flip"] = "h" * horizontal + "v" * vertical


_IMGPROXY = {
    "rs": _sets("type", "width", "height", "enlarge", "extend"),
    "resize": _sets("type", "width", "height", "enlarge", "extend"),
    "size": _sets("width", "height", "enlarge", "extend"),
    "w": _sets("width"),
    "exar": _sets("keeps_proportions"),
    "pr": _sets("preset"),
    "g": _imgproxy_gravity,
    "c": _imgproxy_crop,
    "fl": _imgproxy_flip,
    "dpr": _query("dpr"),
    "q": _query("q"),
    "rot": _query("rotate"),
    "bl": _query("blur"),
    "sh": _query("sharpen"),
    "t": _query("trim"),
    "cb": _query("v"),
    "background": _query("bg"),
}


def thumbor(url: str) -> str:
    """The URL of the same picture in pymager; also for imagor, which adds to thumbor's URLs."""
    *parts, name = url.removeprefix("/unsafe/").split("/")
    width, height, extension, query = "", "", "auto", dict[str, str]()
    fit, exact_enlarges, fits_in, fills = "", True, False, False
    align = {"x": "", "y": ""}
    filters: list[tuple[str, str]] = []
    for part in parts:
        if part.startswith("filters:"):
            filters = re.findall(r"(\w+)\(([^)]*)\)", part)
        elif crop := _CROP.fullmatch(part):
            query["crop"] = _thumbor_crop(*map(Decimal, crop.groups()))
        elif size := _SIZES.fullmatch(part):
            width, height = size[2], size[4]
            if size[1] or size[3]:
                query["flip"] = "h" * bool(size[1]) + "v" * bool(size[3])
        elif part == "fit-in":
            fits_in, exact_enlarges = True, False
        elif part in ("stretch", "trim", "smart"):
            query |= {"stretch": {"fit": "fill"}, "trim": {"trim": "0"}, "smart": {"gravity": "smart"}}[part]
        else:
            align["x" if part in ("left", "right") else "y"] = _ALIGNED[part]
    for filter, argument in filters:
        if filter == "format":
            extension = argument.replace("jpeg", "jpg")
        elif filter in ("upscale", "no_upscale"):
            exact_enlarges = filter == "upscale"
        elif filter == "stretch":
            fit = "fill"
        elif filter == "fill":
            fills, query["bg"] = True, argument
        elif filter == "rotate":  # after scaling
            query["rotate"] = _ROTATED[argument]
            width, height = (height, width) if argument != "180" else (width, height)
        elif filter == "orient":
            query["rotate"] = _ROTATED[argument]
        else:
            query |= {_FILTERS[filter]: argument or "true"}
    if gravity := align["y"] + align["x"]:
        query["gravity"] = gravity
    if fits_in:
        fit = "contain" if fills else "inside"
    if fit:
        query["fit"] = fit
    one_sided = width in ("", "0") or height in ("", "0")
    if exact_enlarges != (not one_sided and fit != "inside"):
        query["enlarge"] = "true" if exact_enlarges else "false"
    return _built(name.partition(".")[0], width, height, extension, query)


_ALIGNED = {"left": "west", "right": "east", "top": "north", "bottom": "south"}
_FILTERS = {"quality": "q", "grayscale": "gray", "blur": "blur", "sharpen": "sharpen", "focal": "gravity"}


def _thumbor_crop(left: Decimal, top: Decimal, right: Decimal, bottom: Decimal) -> str:
    if right <= 1 and bottom <= 1:
        return _percent(left, top, right - left, bottom - top)
    return f"{left},{top},{right - left},{bottom - top}"


def _percent(*shares: Decimal) -> str:
    return ",".join(f"{float(share * 100):g}p" for share in shares)


def _built(id: str, width: str, height: str, extension: str, query: dict[str, str]) -> str:
    size = f"{width.removeprefix('0')}x{height.removeprefix('0')}"
    return f"/derived/{id}-{size}.{extension}?" + "&".join(f"{name}={value}" for name, value in query.items())
