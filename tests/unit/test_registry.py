"""The registry finds backends by the scheme of a URL, and explains what is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pymager import registry
from pymager.errors import ConfigurationError
from pymager.testing.backends import MemoryBlobs, MemoryMetadata
from pymager_filesystem import FolderBlobs

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution on the path: its entry points by group, its requirements, its modules."""

    def install(name: str, entries: str, *, requires: tuple[str, ...] = (), **modules: str) -> None:
        folder = tmp_path / name
        metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(parents=True)
        lines = [f"Requires-Dist: {requirement}" for requirement in requires]
        (metadata / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines])
        )
        (metadata / "entry_points.txt").write_text(entries)
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(folder)

    return install


def refusal(url: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        registry.load_blobs(url)
    return str(refused.value)


def test_a_scheme_names_its_backend(tmp_path: Path) -> None:
    assert isinstance(registry.load_blobs(f"file://{tmp_path}"), FolderBlobs)
    assert isinstance(registry.load_blobs("memory:"), MemoryBlobs)
    assert isinstance(registry.load_metadata("memory:"), MemoryMetadata)


def test_a_scheme_with_a_driver_is_found_by_its_part_before_the_plus(install: Install) -> None:
    install("pymager-plus", "[pymager.blobs]\nplus = plus_first:str\nplus+own = plus_second:Own",
            plus_first="str = str", plus_second="class Own(str): pass")  # fmt: skip
    assert registry.load_blobs("plus+driver:x") == "plus+driver:x"
    assert type(registry.load_blobs("plus+own:x")).__name__ == "Own"
    assert refusal("nosuch+driver:x").startswith("unknown blob store 'nosuch")


def test_loading_a_backend_creates_nothing(tmp_path: Path) -> None:
    registry.load_blobs(f"file://{tmp_path}/not-there")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["FILE", "File", "fILE"])
def test_a_scheme_is_found_in_any_case(tmp_path: Path, scheme: str) -> None:
    assert isinstance(registry.load_blobs(f"{scheme}:{tmp_path}"), FolderBlobs)


@pytest.mark.parametrize("url", ["", "/var/lib/pymager", "pictures", "1:x", ":x", "ünder:x"])
def test_a_url_without_a_scheme_is_refused_with_a_list_of_schemes(url: str) -> None:
    assert refusal(url) == "must be the URL of a blob store that starts with one of: file:, memory:, s3:"


def test_an_unknown_scheme_is_refused_with_a_list_of_schemes() -> None:
    assert refusal("ftp://host/x") == "unknown blob store 'ftp:'; known: file:, memory:, s3:"


def test_a_scheme_of_the_other_kind_is_unknown() -> None:
    assert refusal("sqlite:////x.db").startswith("unknown blob store 'sqlite:'")
    with pytest.raises(ConfigurationError, match="unknown metadata store 'file:'"):
        registry.load_metadata("file:x")


def test_the_error_of_a_backend_about_its_url_is_unchanged() -> None:
    assert refusal("file://host/x").startswith("'file://host/x' names the host 'host'")


def test_a_missing_module_is_reported_with_the_extra_that_installs_it(install: Install) -> None:
    install(
        "pymager-tape",
        "[pymager.blobs]\ntape = lacking_a_driver:Blobs",
        requires=(
            "pymager",
            "Tape_Driver>=2 ; extra == 'all'",
            "other ; extra == 'all'",
            "tape.driver[fast]>=2 ; python_version >= '3' and extra == 'reels'",
        ),
        lacking_a_driver="import tape_driver.reels",
    )
    assert refusal("tape:x") == "backend 'tape' needs the module 'tape_driver'; run: pip install 'pymager-tape[reels]'"


def test_the_extra_with_the_name_of_the_scheme_comes_first(install: Install) -> None:
    install(
        "pymager-reel",
        "[pymager.blobs]\nreel = lacking_a_reel:Blobs",
        requires=("reel_driver; extra == 'a'", "reel_driver; extra == 'reel'", "other; extra == 'reel'"),
        lacking_a_reel="import reel_driver",
    )
    assert refusal("reel:x").endswith("pip install 'pymager-reel[reel]'")


def test_the_extras_of_pymager_are_reported_too() -> None:
    (entry,) = registry.entry_points(group=registry.METADATA, name="sqlite")
    missing = ModuleNotFoundError("No module named 'sqlalchemy.engine'", name="sqlalchemy.engine")
    assert (
        registry.missing(entry, missing)
        == "backend 'sqlite' needs the module 'sqlalchemy'; run: pip install 'pymager[sql]'"
    )


def test_a_missing_module_without_an_extra_is_reported_with_the_distribution(install: Install) -> None:
    install("pymager-drum", "[pymager.blobs]\ndrum = lacking_a_drum:Blobs", lacking_a_drum="import drum_driver")
    assert refusal("drum:x") == "backend 'drum' needs the module 'drum_driver'; run: pip install 'pymager-drum'"


def test_a_module_that_is_missing_when_the_backend_is_created_is_reported(install: Install) -> None:
    install(
        "pymager-late", "[pymager.blobs]\nlate = needs_it_late:make", needs_it_late="def make(url): import late_driver"
    )
    assert refusal("late:x") == "backend 'late' needs the module 'late_driver'; run: pip install 'pymager-late'"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('libtape.so.1: cannot open shared object file')", "ImportError: libtape.so.1"),
        ("Tapes = 1", "AttributeError: "),
        ("1 / 0", "ZeroDivisionError: "),
        ("def :", "SyntaxError: "),
    ],
)
def test_a_backend_that_does_not_load_is_reported_with_its_distribution(
    install: Install, source: str, reason: str
) -> None:
    name = f"does_not_load_{abs(hash(source))}"
    install("pymager-broken", f"[pymager.blobs]\nbroken = {name}:Blobs", **{name: source})
    message = refusal("broken:x")
    assert message.startswith(f"backend 'broken' (pymager-broken) failed to load from {name}:Blobs: {reason}")


def test_a_scheme_that_two_distributions_claim_is_refused_with_both_named(install: Install) -> None:
    install("pymager-one", "[pymager.blobs]\ntwin = one:Blobs")
    install("pymager-two", "[pymager.blobs]\nTwin = two:Blobs")
    assert refusal("twin:x") == (
        "blob store 'twin:' is provided more than once, by pymager-one (one:Blobs) and pymager-two (two:Blobs); "
        "uninstall all but one"
    )


def test_a_scheme_of_pymager_cannot_be_taken_over(install: Install) -> None:
    install("pymager-usurper", "[pymager.blobs]\nfile = usurper:Blobs")
    message = refusal("file:x")
    assert "pymager (pymager_filesystem:FolderBlobs)" in message
    assert "pymager-usurper (usurper:Blobs)" in message


def test_a_broken_backend_does_not_affect_the_others(install: Install, tmp_path: Path) -> None:
    install("pymager-bad", "[pymager.blobs]\nbad = not_there_at_all:Blobs")
    assert isinstance(registry.load_blobs(f"file:{tmp_path}"), FolderBlobs)
    assert refusal("nowhere:x").endswith("known: bad:, file:, memory:, s3:")
