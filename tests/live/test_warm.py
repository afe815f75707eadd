"""`pymager warm` as an operator runs it: beside replicas that serve, killed, resumed, stopped."""

import asyncio
import io
import itertools
import os
import signal
from pathlib import Path

import pytest

from pymager import failpoints
from pymager.errors import ConfigurationError
from pymager.operations import warm as warming
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.operations.variant_set import VariantSet
from tests.live.client import Client
from tests.live.program import Done, command, running
from tests.live.traces import blob_keys
from tests.pictures import jpeg
from tests.web.served import settings_for

pytestmark = pytest.mark.live

_WANTED = VariantSet(["20x20"], ["jpg"])
_IDS = ["cat", "dog-1", "dog-2", "dog-3"]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "album"
    folder.mkdir()
    for number, id in enumerate(_IDS):
        (folder / f"{id}.jpg").write_bytes(jpeg(320, 240, seed=number))
    return folder


@pytest.fixture
async def library(tmp_path: Path, album: Path) -> Path:
    """A folder whose service has these originals."""
    assert (await command(tmp_path, "import", str(album))).code == 0
    return tmp_path


async def warm(folder: Path, *arguments: str, **settings: object) -> Done:
    return await command(folder, "warm", *arguments, **settings)


def derived(folder: Path) -> list[str]:
    """Which variants the store has, as `id/file`."""
    return sorted(f"{key[1]}/{key[-1]}" for key in blob_keys(folder) if key[0] == "derived")


async def test_what_is_warm_is_served_without_a_render_and_not_rendered_again(library: Path) -> None:
    first = await warm(library, "--sizes", "80x60,40x30", "--formats", "jpg,webp,JPEG")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("16 rendered (") and first.out.endswith(" bytes), 0 already there, 0 failed\n")
    names = {f"{size}.{format}" for size in ("80x60", "40x30") for format in ("jpg", "webp")}
    assert derived(library) == sorted(f"{id}/{name}" for id in _IDS for name in names)
    assert (await warm(library, "--sizes", "80x60")).out == "0 rendered, 4 already there, 0 failed\n"
    count = library / "count"
    async with running(library, failpoint_count=count) as program, Client(program.url) as client:
        assert (await client.get("/derived/cat-80x60.webp")).picture.size == (80, 60)
    assert "derive.leased" not in (count.read_text() if count.exists() else "")


async def test_a_checkpoint_that_cannot_be_written_is_refused_at_the_start(library: Path) -> None:
    done = await warm(library, "--sizes", "80x60", "--resume", str(library / "absent" / "checkpoint"))
    assert (done.code, done.out) == (2, "")
    assert "cannot write the checkpoint: its folder does not exist" in done.err
    assert derived(library) == []


async def test_expensive_variants_wait_for_each_other_and_none_fails(library: Path) -> None:
    sizes = ",".join(f"{width}x1500" for width in range(1_990, 2_000))
    done = await warm(library, "--sizes", sizes, "--formats", "avif", "--prefix", "cat", "--jobs", "10", workers=2)
    assert done.code == 0, done
    assert done.out.startswith("10 rendered (")


async def test_sizes_are_those_of_the_settings_unless_named_and_never_others(library: Path) -> None:
    assert (await warm(library, sizes="20x20,30x30")).code == 0
    assert derived(library) == sorted(f"{id}/{side}x{side}.jpg" for id in _IDS for side in (20, 30))
    for arguments, sentence in (
        (["--sizes", "21x21"], "size 21x21 is not allowed; allowed sizes: 20x20, 30x30"),
        (["--sizes", "20y20"], "--sizes: must be sizes such as 800x600, 800x or x600, got '20y20'"),
        (["--formats", "doc"], "'doc' is not an output format"),
    ):
        done = await warm(library, *arguments, sizes="20x20,30x30")
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err
    assert "PYMAGER_SIZES allows any size" in (await warm(library)).err


async def test_sizes_are_combined_with_options_and_presets_bring_their_own(library: Path) -> None:
    settings = {"sizes": "80x60,80x", "options": "fit,q=70", "presets": "thumb:20x20,gravity=north,q=50;tall:x30"}
    done = await warm(library, "--options", "fit=inside,q=70", "--formats", "jpg,webp", "--prefix", "cat", **settings)
    assert (done.code, done.err) == (0, "")
    sized = {f"{size}.{format}" for size in ("80x60_fit-inside_q-70", "80x_q-70") for format in ("jpg", "webp")}
    assert derived(library) == sorted(f"cat/{name}" for name in sized)

    done = await warm(library, "--presets", "thumb, tall", "--formats", "jpg,png", "--prefix", "dog-1", **settings)
    assert (done.code, done.err) == (0, "")
    names = {"20x20_gravity-north_q-50.jpg", "20x20_gravity-north.png", "x30.jpg", "x30.png"}
    assert set(derived(library)) == {f"cat/{name}" for name in sized} | {f"dog-1/{name}" for name in names}

    done = await warm(
        library, "--presets", "*", "--sizes", "80x60", "--options", "q=70", "--prefix", "dog-1", **settings
    )
    assert done.out.startswith("1 rendered (")
    assert done.out.endswith(" bytes), 2 already there, 0 failed\n")

    count = library / "count"
    async with running(library, failpoint_count=count, **settings) as program, Client(program.url) as client:
        for url in ("cat-80x60.webp?q=70&fit=INSIDE", "cat-80x.jpg?fit=inside&q=070", "dog-1@tall.png"):
            assert (await client.get(f"/derived/{url}")).status == 200, url
    assert "derive.leased" not in (count.read_text() if count.exists() else "")


async def test_auto_renders_what_any_client_can_get(library: Path) -> None:
    done = await warm(library, "--sizes", "80x60", "--formats", "auto", "--prefix", "cat")
    assert (done.code, done.err) == (0, "")
    assert derived(library) == ["cat/80x60.avif", "cat/80x60.jpg", "cat/80x60.webp"]
    count = library / "count"
    async with running(library, failpoint_count=count) as program, Client(program.url) as client:
        for accept, got in (
            ("image/avif,image/webp,*/*", "image/avif"),
            ("image/webp,*/*", "image/webp"),
            ("*/*", "image/jpeg"),
        ):
            answer = await client.get("/derived/cat-80x60.auto", Accept=accept)
            assert (answer.status, answer.headers["content-type"]) == (200, got)
    assert "derive.leased" not in (count.read_text() if count.exists() else "")


async def test_a_run_stops_if_the_picture_of_its_watermark_does_not_exist(library: Path) -> None:
    options = ["--options", "watermark=logo"]
    settings = {"watermarks": "logo:image=brand", "options": "watermark"}
    done = await warm(library, "--sizes", "80x60", *options, "--jobs", "1", **settings)
    assert (done.code, derived(library)) == (1, [])
    assert done.out.startswith("0 rendered, 0 already there, 1 failed")
    assert "brand" in done.err
    assert done.err.endswith("run the same command again to continue\n")
    assert "Traceback" not in done.err

    done = await warm(library, "--sizes", "80x60", *options, **settings | {"watermarks": "logo:image=cat"})
    assert (done.code, done.out.split(" (")[0]) == (0, "4 rendered")


async def test_options_of_the_command_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    settings = {"sizes": "80x60", "options": "q=70", "presets": "tall:x30"}
    for arguments, sentence in (
        (["--presets", "tall", "--options", "q=70"], "--options applies only to --sizes"),
        (["--presets", ","], "--presets: must be names of presets, or * for all, got ','"),
        (["--formats", ","], "--formats: must be output formats such as jpg,webp, got ','"),
        (["--presets", "high"], "--presets: there is no preset 'high'; presets: tall"),
    ):
        done = await warm(tmp_path, *arguments, **settings)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err
        assert "Traceback" not in done.err


async def test_originals_are_chosen_by_prefix_or_named_and_unknown_ones_are_listed(library: Path) -> None:
    assert (await warm(library, "--sizes", "20x20", "--prefix", "dog-")).out.startswith("3 rendered")
    done = await warm(library, "--sizes", "20x20,30x30", "--from", "-", stdin="cat\nbird\n\na b\ndog-1")
    assert done.code == 0
    assert done.out.startswith("3 rendered (")
    assert done.out.endswith(" bytes), 1 already there, 0 failed, 3 without an original\n")
    assert done.err.splitlines()[0] == "bird: no original has this id"
    assert done.err.splitlines()[1].startswith("a b: the id contains the character ' '")
    (library / "ids").write_text("dog-2\n")
    assert (await warm(library, "--sizes", "30x30", "--from", "ids")).out.startswith("1 rendered")
    assert (await warm(library, "--sizes", "30x30", "--from", "none")).code == 2


async def test_what_cannot_be_rendered_is_named_with_the_reason_and_the_rest_is_rendered(library: Path) -> None:
    (lost,) = (library / "data/blobs/original").rglob("cat/*.jpg")
    lost.unlink()
    (damaged,) = (library / "data/blobs/original").rglob("dog-1/*.jpg")
    damaged.write_bytes(bytes(damaged.stat().st_size))
    done = await warm(library, "--sizes", "20x20")
    assert done.code == 1
    assert done.out.startswith("2 rendered (") and done.out.endswith(" bytes), 0 already there, 2 failed\n")
    reasons = dict(line.split(": ", 1) for line in done.err.splitlines() if line.startswith(("cat", "dog")))
    assert "is gone, but its row exists" in reasons["cat-20x20.jpg"]
    assert "can no longer be decoded" in reasons["dog-1-20x20.jpg"]


async def test_a_run_that_was_killed_continues_when_it_is_run_again(library: Path) -> None:
    killed = await struck(library, "derive.blob-put 2")
    assert killed.code == -signal.SIGKILL
    assert len(derived(library)) == 2
    again = await warm(library, "--sizes", "20x20")
    assert (again.code, again.out.split(" rendered")[0]) == (0, "2")
    assert ", 2 already there, 0 failed" in again.out


async def test_a_signal_stops_the_run_after_the_variants_in_progress(library: Path) -> None:
    stopped = await struck(library, "derive.leased 2 SIGINT")
    assert stopped.code == 1
    assert stopped.out.startswith("2 rendered")
    assert "stopped by SIGINT; run the same command again to continue" in stopped.err
    assert "Traceback" not in stopped.err
    assert (await warm(library, "--sizes", "20x20")).out.startswith("2 rendered")


async def test_what_replicas_render_at_the_same_time_is_not_rendered_twice(library: Path) -> None:
    count = library / "count"
    names = [f"{id}-{side}x{side}.jpg" for id in _IDS for side in (20, 30, 40)]
    async with running(library, failpoint_count=count) as program, Client(program.url) as client:
        runs = [warm(library, "--sizes", "20x20,30x30,40x40", failpoint_count=count) for _ in range(2)]
        requests = [client.get(f"/derived/{name}") for name in names]
        *done, answers = await asyncio.gather(*runs, asyncio.gather(*requests))
    assert [one.code for one in done] == [0, 0]
    assert {answer.status for answer in answers} == {200}
    assert count.read_text().split().count("derive.rendered") == len(names)


async def test_the_position_in_the_listing_is_saved_for_the_next_run(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "_PAGE_SIZE", 2)
    settings = settings_for(library, presets="thumb:20x20")
    file = library / "checkpoint"
    leases = itertools.count(1)

    async def warmed(prefix: str, wanted: VariantSet = _WANTED) -> Report:
        progress = Progress(io.StringIO())
        return await warming.warm_catalog(
            settings, wanted, jobs=1, prefix=prefix, checkpoint_path=file, progress=progress
        )

    def interrupt(point: str) -> None:
        if point == "derive.leased" and next(leases) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as hooked:
        hooked.setattr(failpoints, "hook", interrupt)
        first = await warmed("")
    assert (first.done, first.stopped) == (3, "stopped by SIGINT")
    with pytest.raises(ConfigurationError, match="not a checkpoint of a run with these options"):
        await warmed("dog")
    with pytest.raises(ConfigurationError, match="not a checkpoint of a run with these options"):
        await warmed("", VariantSet(["20x20"], ["jpg"], presets=["thumb"]))
    second = await warmed("")
    assert (second.existing, second.done, second.stopped) == (1, 1, None)
    assert not file.exists()


async def struck(folder: Path, order: str) -> Done:
    """A run with one job at a time to whose process something happens."""
    (folder / "order").write_text(order)
    points = {"failpoint_kill": folder / "order", "failpoint_killed": folder / "struck"}
    return await warm(folder, "--sizes", "20x20", "--jobs", "1", **points)
