"""Whether the process is alive and ready, as an orchestrator asks."""

from pathlib import Path

from tests.web.served import Served, serving


def test_a_process_that_answers_is_alive(served: Served) -> None:
    answer = served.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "alive"})
    assert answer["Cache-Control"] == "no-store"


def test_a_process_with_its_backends_is_ready(served: Served) -> None:
    answer = served.get("/readyz")
    assert answer.status == 200
    assert answer.json == {"status": "ready", "backends": {"blobs": "ok", "metadata": "ok"}}
    assert answer["Cache-Control"] == "no-store"


def test_a_backend_that_is_away_is_named_and_leaves_the_process_ready(folder: Path) -> None:
    with serving(folder) as served:
        blobs = folder / "data" / "blobs"
        blobs.rename(folder / "away")
        answer = served.get("/readyz")
        assert answer.status == 200
        assert answer.json == {"status": "ready", "backends": {"blobs": "unavailable", "metadata": "ok"}}
        (folder / "away").rename(blobs)
        assert served.get("/readyz").json["backends"]["blobs"] == "ok"


def test_backends_in_memory_do_as_well(folder: Path, photo: bytes) -> None:
    with serving(folder, blobs="memory:", metadata="memory:") as served:
        assert served.get("/readyz").json["status"] == "ready"
        id = served.kept(photo)
        assert served.get(f"/original/{id}").body == photo
        assert served.get(f"/derived/{id}-20x20.jpg").status == 200
        assert served.delete(id).status == 204
        assert served.get(f"/derived/{id}-20x20.jpg").status == 404
