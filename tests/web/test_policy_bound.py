"""Whatever a stranger's URLs ask for, no more objects are stored for an original than the policy allows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pictures import jpeg
from tests.web.served import Served, serving

EXTENSIONS = ("jpg", "png", "webp")
"""The output formats that the URLs ask for, so that the bound can be reached."""
WITH_QUALITY = ("jpg", "webp")
OPTION_ORDER = ("fit", "enlarge", "gravity", "q", "bg", "crop", "rotate", "flip", "gray")


@dataclass(frozen=True)
class Rules:
    """A policy: what the settings say, and the same for the test. `presets` are the names of their objects."""

    settings: Mapping[str, Any]
    sizes: frozenset[str]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def names(self) -> frozenset[str]:
        """The names of all objects that the policy allows: every size in every format with every combination."""
        listed = [("", *self.options.get(name, ())) for name in OPTION_ORDER]
        found = set()
        for size, values in product(self.sizes, product(*listed)):
            shown = "".join(
                f"_{name}-{value.replace(',', '-')}" for name, value in zip(OPTION_ORDER, values, strict=True) if value
            )
            shown = shown.replace("_flip-hv", "_rotate-180")  # the same picture
            found |= {f"{size}{shown}.{extension}" for extension in EXTENSIONS}
        return frozenset(found).union(*self.presets.values())

    def bound(self) -> int:
        """At most how many objects: the sizes times the formats times the values of each option, and the presets."""
        combinations = 1
        for values in self.options.values():
            combinations *= len(values) + 1
        return len(self.sizes) * len(EXTENSIONS) * combinations + sum(map(len, self.presets.values()))


THUMB = frozenset({"20x20_fit-inside_q-70.jpg", "20x20_fit-inside.png", "20x20_fit-inside_q-70.webp"})
LARGE_THUMB = frozenset({"40x40_fit-inside_q-70.jpg", "40x40_fit-inside.png", "40x40_fit-inside_q-70.webp"})
STRIP = frozenset({"x9_rotate-90.jpg", "x9_rotate-90.png", "x9_rotate-90.webp"})
PRESETS = "thumb:20x20,fit=inside,q=70; strip:x9,rotate=90"

POLICIES = {
    "sizes": Rules({"sizes": "30x20,24x,x18"}, frozenset({"30x20", "24x", "x18"})),
    "presets": Rules(
        {"sizes": "30x20", "presets": PRESETS}, frozenset({"30x20"}), presets={"thumb": THUMB, "strip": STRIP}
    ),
    "options": Rules(
        {
            "sizes": "30x20,60x40,24x",
            "options": "fit=inside|contain,gravity=north|0.3,0.7,q=60,dpr=2,rotate=90",
            "presets": PRESETS,
        },
        frozenset({"30x20", "60x40", "24x"}),
        {"fit": ("inside", "contain"), "gravity": ("north", "0.3,0.7"), "q": ("60",), "rotate": ("90",)},
        {"thumb": THUMB | LARGE_THUMB, "strip": STRIP | {name.replace("x9", "x18") for name in STRIP}},
    ),
    "more options": Rules(
        {"sizes": "30x20", "options": "flip,crop=10p,0,50p,100p|0,0,20,10,bg=204060,enlarge,gray"},
        frozenset({"30x20"}),
        {
            "flip": ("h", "v", "hv"),
            "crop": ("10p,0p,50p,100p", "0,0,20,10"),
            "bg": ("204060",),
            "enlarge": ("true", "false"),
            "gray": ("true",),
        },
    ),
    "any size": Rules(
        {"sizes": "*", "max_side": 12},
        frozenset(f"{width or ''}x{height or ''}" for width in range(13) for height in range(13) if width or height),
    ),
}

SIDES = st.sampled_from(["", "0", "1", "9", "12", "13", "15", "18", "20", "24", "30", "40", "60", "007", "99999999999"])
SIZES = st.sampled_from(["30x20", "60x40", "24x", "x18", "15x10", "12x"]) | st.builds("{}x{}".format, SIDES, SIDES)
NAMES = st.sampled_from(["thumb", "strip", "THUMB", "other", ""])
ENDINGS = st.sampled_from([*EXTENSIONS, *EXTENSIONS, "auto", "Auto", "JPG", "jpeg", "WebP", "exe", "jpg.png", ""])
VALUES: dict[str, tuple[str, ...]] = {
    "fit": ("cover", "inside", "INSIDE", "contain", "fill", "none", ""),
    "enlarge": ("true", "false", "True", "1"),
    "gravity": ("north", "NORTH", "center", "south", "smart", "0.3,0.7", "0.30,0.700", "00.3,0.7", "0.5,0", "2,0"),
    "dpr": ("1", "2", "2.0", "02", "1.5", "1.00", "4", "5", "1e0"),
    "q": ("60", "060", "61", "80", "0", "101", "+60"),
    "bg": ("204060", "204060ff", "204060FF", "20406080", "ffffff", "#fff"),
    "crop": ("10p,0p,50p,100p", "10p,0,50p,100p", "10.0p,0p,50.00p,100p", "0,0,20,10", "00,0,020,10", "0,0,9999,9999",
             "0p,0p,100p,100p", "0,0,0,0", "59,39,5,5", "60,40,5,5", "1,2"),
    "trim": ("0", "10", "256"),
    "rotate": ("0", "90", "180", "360"),
    "flip": ("h", "v", "hv", "HV", "vh"),
    "blur": ("1", "0.1", "2.50"),
    "sharpen": ("1", "11"),
    "gray": ("true", "false", "TRUE"),
    "watermark": ("logo",),
    "animated": ("true", "false"),
    "frame": ("0", "1", "00"),
    "v": ("1", "x"),
    "exp": ("4102444800",),
    "sig": ("x" * 43, ""),
    "width": ("9",),
    "": ("", "x"),
}  # fmt: skip
"""Parameters that a stranger may try, allowed ones in several spellings among them."""


def plain(parameter: tuple[str, str]) -> str:
    return "=".join(quote(text, safe=",+") for text in parameter)


def encoded(parameter: tuple[str, str]) -> str:
    """A parameter with every character encoded, although none of them needs it."""
    return "=".join("".join(f"%{byte:02X}" for byte in text.encode()) for text in parameter)


PAIRS = [(name, value) for name, values in VALUES.items() for value in values]
RUBBISH = st.text("fitqdpr=&%,;.0x2?/", max_size=12)
ACCEPTS = st.sampled_from(["*/*", "image/webp", "image/avif,image/webp,*/*;q=0.8", "image/png", "image/webp;q=0", ";"])
PATHS = st.builds("-{}.{}".format, SIZES, ENDINGS) | st.builds("@{}.{}".format, NAMES, ENDINGS)


def parameters(pairs: Sequence[tuple[str, str]], count: int) -> st.SearchStrategy[list[str]]:
    """Up to `count` parameters with different names, in any order; one in four is encoded."""
    spellings = st.sampled_from([plain, plain, plain, encoded])
    one = st.builds(lambda pair, spelling: (pair[0], spelling(pair)), st.sampled_from(pairs), spellings)
    return st.lists(one, max_size=count, unique_by=lambda item: item[0]).map(lambda items: [text for _, text in items])


def urls(rules: Rules) -> st.SearchStrategy[str]:
    """What follows the id in a URL: mostly what the policy allows, and with it something else."""
    names = [f"-{size}" for size in sorted(rules.sizes)] + [f"@{name}" for name in sorted(rules.presets)]
    allowed = st.builds("{}.{}".format, st.sampled_from(names), st.sampled_from([*EXTENSIONS, "auto"]))
    likely = parameters([pair for pair in PAIRS if pair[0] in (*rules.options, "dpr", "v")], 4)
    one_more = st.builds(lambda some, more: some + more, parameters(PAIRS, 1), likely)
    anything = st.lists(parameters(PAIRS, 1).map("&".join) | RUBBISH, max_size=6)
    return st.builds(
        lambda path, query: "?".join([path, *(["&".join(query)] if query else [])]),
        allowed | allowed | allowed | PATHS,
        likely | one_more | parameters(PAIRS, 2) | anything,
    )


@dataclass
class Watched:
    """A server with one original, whose objects are counted."""

    served: Served
    id: str

    def stored(self) -> set[str]:
        return {file.name for file in self.served.files_of(self.id) if "derived" in file.parts}


@contextmanager
def watching(folder: Path, rules: Rules) -> Iterator[Watched]:
    with serving(folder, auto_formats="webp", **rules.settings) as served:
        yield Watched(served, served.upload(jpeg(60, 40, seed=1)))


@pytest.fixture(scope="module", params=POLICIES)
def policy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, log: object
) -> Iterator[tuple[Rules, Watched]]:
    rules = POLICIES[request.param]
    with watching(tmp_path_factory.mktemp("policy"), rules) as watched:
        yield rules, watched


@given(data=st.data(), method=st.sampled_from(["GET", "GET", "HEAD"]), accept=ACCEPTS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_urls_store_no_more_objects_than_the_policy_allows(
    policy: tuple[Rules, Watched], data: st.DataObject, method: str, accept: str
) -> None:
    rules, watched = policy
    url = data.draw(urls(rules), label="url")
    before = watched.stored()
    response = watched.served.request(method, f"/derived/{watched.id}{url}", {"Accept": accept})
    after = watched.stored()
    assert response.status in (200, 400, 403, 404, 409, 422), response.body
    assert len(after - before) <= (1 if response.status == 200 else 0)
    assert before <= after <= rules.names()
    assert len(after) <= rules.bound()


@pytest.mark.parametrize("name", ["sizes", "presets"])
def test_the_bound_can_be_reached(tmp_path: Path, log: object, name: str) -> None:
    """So that it is no looser than the policy."""
    rules = POLICIES[name]
    with watching(tmp_path, rules) as watched:
        tails = [f"-{size}" for size in rules.sizes] + [f"@{preset}" for preset in rules.presets]
        for tail, extension in product(tails, EXTENSIONS):
            assert watched.served.get(f"/derived/{watched.id}{tail}.{extension}").status == 200
        assert watched.stored() == rules.names()
        assert len(watched.stored()) == rules.bound()
