"""Mezzanines in the running program: lost, damaged or late ones change nothing that a client sees."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from pymager.engine.recipe import mezzanine_recipe
from tests.live.client import Answer, Client, Lost
from tests.live.program import command, running, until
from tests.live.traces import assert_disk_is_as_the_catalog_says, assert_swept, blob_files, blob_keys
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_SIDE = 256
_SIZES = ("100x75", "80x60", "60x60", "40x30", "20x20")
_TOO_LARGE = "400x300"


def _photo() -> bytes:
    return jpeg(2400, 1800)


def _other() -> bytes:
    return jpeg(2400, 1800, seed=2)


def _mezzanines(folder: Path, id: str = "cat") -> list[Path]:
    return sorted(path for path in blob_files(folder) if path.match(f"derived/*/{id}/*/*/mezzanine.jpg"))


def _kinds(folder: Path) -> set[str]:
    """The first segments of all keys."""
    return {key[0] for key in blob_keys(folder)}


def _original(folder: Path) -> Path:
    [path] = (folder / "data/blobs/original").glob("*/cat/*")
    return path


async def _variants(client: Client, sizes: Sequence[str] = _SIZES) -> list[Answer]:
    answers = await asyncio.gather(*(client.get(f"/derived/cat-{size}.jpg") for size in sizes))
    assert [answer.status for answer in answers] == [200] * len(sizes), answers
    assert ["{}x{}".format(*answer.picture.size) for answer in answers] == list(sizes)
    return list(answers)


def _passes(folder: Path, point: str) -> int:
    file = folder / "count"
    return file.read_text().split().count(point) if file.exists() else 0


async def test_variants_of_many_sizes_do_not_open_the_original(tmp_path: Path) -> None:
    async with running(tmp_path, mezzanine=_SIDE) as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        path = _original(tmp_path)
        path.rename(tmp_path / "away")
        await _variants(client)
        assert (await client.get(f"/derived/cat-{_TOO_LARGE}.jpg")).status == 500
        (tmp_path / "away").rename(path)
        assert (await client.get(f"/derived/cat-{_TOO_LARGE}.jpg")).status == 200
        assert (await client.get("/original/cat")).body == _photo()


async def test_a_mezzanine_has_no_url(tmp_path: Path) -> None:
    async with running(tmp_path, mezzanine=_SIDE) as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        [path] = _mezzanines(tmp_path)
        for name in ("cat-mezzanine.jpg", f"cat/{path.parts[-3]}/{path.parts[-2]}/mezzanine.jpg", "mezzanine.jpg"):
            assert (await client.get(f"/derived/{name}")).status == 404


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_missing_mezzanine_is_made_once_for_all_sizes_and_gives_the_same_bytes(
    tmp_path: Path, workers: int
) -> None:
    settings = {"mezzanine": _SIDE, "failpoint_count": tmp_path / "count", "workers": workers}
    async with running(tmp_path, **settings) as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        before = await _variants(client)
        [path] = _mezzanines(tmp_path)
        bytes_before = path.read_bytes()
        for derived in (tmp_path / "data/blobs/derived").glob("*/cat/*/*/*"):
            derived.unlink()
        assert await program.stop() == 0
    assert _passes(tmp_path, "derive.mezzanine-made") == 0
    async with running(tmp_path, name="again", **settings) as program, Client(program.url) as client:
        for worker in program.workers():  # so that no render ends before all of them wait
            worker.suspend()
        pending = asyncio.create_task(_variants(client))
        await until(lambda: _passes(tmp_path, "derive.leased") >= len(_SIZES) + workers, "the renders")
        for worker in program.workers():
            worker.resume()
        after = await pending
    assert [answer.body for answer in after] == [answer.body for answer in before]
    assert _mezzanines(tmp_path) == [path]
    assert path.read_bytes() == bytes_before
    assert _passes(tmp_path, "derive.mezzanine-made") == 1
    assert_disk_is_as_the_catalog_says(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "longer", "of another original", "of another side"])
async def test_a_damaged_mezzanine_is_made_again_and_no_client_sees_it(tmp_path: Path, damage: str) -> None:
    async with running(tmp_path, mezzanine=_SIDE) as program, Client(program.url) as client:
        for id, body in (("cat", _photo()), ("dog", _other())):
            assert (await client.put(id, body)).status == 201
        [path], [other] = _mezzanines(tmp_path), _mezzanines(tmp_path, "dog")
        right = path.read_bytes()
        [expected] = await _variants(client, _SIZES[:1])
        for derived in path.parent.parent.glob("*/100x75.jpg"):
            derived.unlink()
        wrong = {
            "empty": b"",
            "cut": right[: len(right) // 2],
            "flipped": right[:500] + bytes([right[500] ^ 1]) + right[501:],
            "longer": right + b"\0",
            "of another original": other.read_bytes(),
            "of another side": _photo(),
        }
        path.write_bytes(wrong[damage])
        assert await program.stop() == 0
    async with running(tmp_path, name="again", mezzanine=_SIDE) as program, Client(program.url) as client:
        [answer] = await _variants(client, _SIZES[:1])
        assert answer.body == expected.body
        assert path.read_bytes() == right
        assert len(program.logged("mezzanine damaged")) == 1
        await _variants(client)
        assert len(program.logged("mezzanine damaged")) == 1


async def test_without_mezzanines_none_is_made_and_originals_of_then_get_theirs_later(tmp_path: Path) -> None:
    async with running(tmp_path, mezzanine="off") as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        await _variants(client)
        assert _mezzanines(tmp_path) == []
        assert await program.stop() == 0
    async with running(tmp_path, name="on", mezzanine=_SIDE) as program, Client(program.url) as client:
        await _variants(client)
        assert len(_mezzanines(tmp_path)) == 1


async def test_after_a_delete_during_a_render_that_makes_a_mezzanine_nothing_is_left(tmp_path: Path) -> None:
    async with running(tmp_path, mezzanine="off") as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        assert await program.stop() == 0
    settings = {"mezzanine": _SIDE, "failpoint_count": tmp_path / "count"}
    async with running(tmp_path, name="on", **settings) as program, Client(program.url) as client:
        [worker] = program.workers()
        worker.suspend()
        pending = asyncio.create_task(client.get("/derived/cat-100x75.jpg"))
        await until(lambda: _passes(tmp_path, "derive.leased"), "the render")
        assert (await client.delete("cat")).status == 204
        worker.resume()
        assert (await pending).status in (200, 404)
        await until(lambda: _kinds(tmp_path) <= {"recipe", "deployment"}, "the clean-up")


@pytest.mark.parametrize("point", ["derive.mezzanine-made", "derive.mezzanine-put"])
async def test_a_late_writer_of_a_mezzanine_deletes_it_after_a_delete(tmp_path: Path, point: str) -> None:
    async with running(tmp_path, name="off", mezzanine="off") as program, Client(program.url) as client:
        assert (await client.put("cat", _photo())).status == 201
        order = tmp_path / "order"
        hooks = {"failpoint_kill": order, "failpoint_killed": tmp_path / "stopped"}
        async with running(tmp_path, name="on", mezzanine=_SIDE, **hooks) as late, Client(late.url) as its_client:
            order.write_text(f"{point} 1 SIGSTOP")
            pending = asyncio.create_task(its_client.get("/derived/cat-100x75.jpg"))
            await until(lambda: not order.exists(), point)
            assert (await client.delete("cat")).status == 204
            await until(lambda: "original" not in _kinds(tmp_path), "the clean-up")
            late.signal(signal.SIGCONT)
            assert (await pending).status in (200, 404)
            await until(lambda: _kinds(tmp_path) <= {"recipe", "deployment"}, "its clean-up")
            assert (await its_client.get("/derived/cat-100x75.jpg")).status == 404


@pytest.mark.parametrize("point", ["upload.mezzanine-put", "derive.mezzanine-made", "derive.mezzanine-put"])
async def test_a_program_that_dies_around_a_mezzanine_leaves_nothing_and_is_made_up_for(
    tmp_path: Path, point: str
) -> None:
    if point.startswith("derive."):
        async with running(tmp_path, name="off", mezzanine="off") as program, Client(program.url) as client:
            assert (await client.put("cat", _photo())).status == 201
            assert await program.stop() == 0
    hooks = {"failpoint_kill": tmp_path / "order", "failpoint_killed": tmp_path / "killed"}
    (tmp_path / "order").write_text(f"{point} 1")
    async with running(tmp_path, name="dies", mezzanine=_SIDE, **hooks) as program, Client(program.url) as client:
        with pytest.raises(Lost):
            await (client.get("/derived/cat-100x75.jpg") if "derive" in point else client.put("cat", _photo()))
        assert await program.ended() == -signal.SIGKILL
    await assert_swept(tmp_path)
    async with running(tmp_path, name="again", mezzanine=_SIDE) as program, Client(program.url) as client:
        if point.startswith("upload."):
            assert (await client.get("/original/cat")).status == 404
            assert not _kinds(tmp_path) & {"original", "derived"}
            assert (await client.put("cat", _photo())).status == 201
        await _variants(client)
        assert len(_mezzanines(tmp_path)) == 1
        assert await program.stop() == 0
    await assert_swept(tmp_path)
    assert len(_mezzanines(tmp_path)) == 1


async def test_programs_with_different_sides_share_the_stores_and_no_sweep_deletes_what_either_uses(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, name="first", mezzanine=_SIDE) as first,
        running(tmp_path, name="second", mezzanine=320) as second,
        Client(first.url) as client,
        Client(second.url) as other,
    ):
        assert (await client.put("cat", _photo())).status == 201
        here, there = await _variants(client), await _variants(other)
        assert [answer.picture.size for answer in here] == [answer.picture.size for answer in there]
        recipes = [mezzanine_recipe(_SIDE), mezzanine_recipe(320)]
        assert sorted(path.parts[-2] for path in _mezzanines(tmp_path)) == sorted(recipes)
        marks = {("recipe", recipe) for recipe in recipes}
        await until(lambda: marks <= {tuple(key) for key in _marks(tmp_path)}, "the marks of the recipes")
        swept = await command(tmp_path, "sweep", mezzanine="off", sweep_grace=0, old_recipe_days=0)
        assert (swept.code, len(_mezzanines(tmp_path))) == (0, 2), swept
        assert (await client.delete("cat")).status == 204
        await until(lambda: _mezzanines(tmp_path) == [], "the clean-up")


def _marks(folder: Path) -> list[tuple[str, str]]:
    return [("recipe", path.name) for path in (folder / "data/blobs/recipe").rglob("*") if path.is_file()]


async def test_warm_decodes_an_original_once_for_several_sizes(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    for id, seed in (("cat", 0), ("dog", 2)):
        (tmp_path / "album" / f"{id}.jpg").write_bytes(jpeg(2400, 1800, seed))
    assert (await command(tmp_path, "import", "album", mezzanine="off")).code == 0
    arguments = ("warm", "--sizes", "100x75,80x60,40x30,20x20", "--formats", "jpg,webp")
    done = await command(tmp_path, *arguments, mezzanine=_SIDE, failpoint_count=tmp_path / "count")
    assert (done.code, done.out.split(" (")[0]) == (0, "16 rendered"), done
    assert _passes(tmp_path, "derive.mezzanine-made") == 2
    assert len(_mezzanines(tmp_path) + _mezzanines(tmp_path, "dog")) == 2


async def test_an_import_makes_mezzanines_and_copies_have_them(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album/cat.jpg").write_bytes(_photo())
    assert (await command(tmp_path, "import", "album", mezzanine=_SIDE)).code == 0
    [path] = _mezzanines(tmp_path)
    done = await command(tmp_path, "copy-blobs", f"file://{tmp_path}/data", f"file://{tmp_path}/copy")
    assert done.code == 0, done
    [copy] = (tmp_path / "copy/blobs/derived").glob("*/cat/*/*/mezzanine.jpg")
    assert copy.read_bytes() == path.read_bytes()
    done = await command(tmp_path, "copy-blobs", "--originals-only", f"file://{tmp_path}/data", f"file://{tmp_path}/o")
    assert done.code == 0, done
    assert list((tmp_path / "o/blobs").glob("derived/*")) == []
    assert (await command(tmp_path, "check")).code == 0


async def test_mezzanines_of_photographs_take_at_most_a_fifth_of_the_originals(tmp_path: Path) -> None:
    photographs = {f"photo-{quality}": jpeg(4000, 3000, seed=quality, quality=quality) for quality in (92, 95)}
    async with running(tmp_path) as program, Client(program.url) as client:
        for id, body in photographs.items():
            assert (await client.put(id, body)).status == 201
    sizes = [path.stat().st_size for id in photographs for path in _mezzanines(tmp_path, id)]
    assert len(sizes) == len(photographs)
    assert sum(sizes) <= sum(map(len, photographs.values())) / 5
