"""The probes of an orchestrator: whether the process is alive, and whether it is ready."""

from pathlib import Path

from tests.web.served import Served, serving


def test_a_running_process_is_alive(served: Served) -> None:
    response = served.get("/healthz")
    assert (response.status, response.json) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"


def test_a_process_with_available_backends_is_ready(served: Served) -> None:
    response = served.get("/readyz")
    assert response.status == 200
    assert response.json == {"status": "ready", "backends": {"blobs": "ok", "metadata": "ok"}}
    assert response["Cache-Control"] == "no-store"


def test_an_unavailable_backend_is_named_and_leaves_the_process_ready(folder: Path) -> None:
    with serving(folder) as served:
        blobs = folder / "data" / "blobs"
        blobs.rename(folder / "away")
        response = served.get("/readyz")
        assert response.status == 200
        assert response.json == {"status": "ready", "backends": {"blobs": "unavailable", "metadata": "ok"}}
        (folder / "away").rename(blobs)
        assert served.get("/readyz").json["backends"]["blobs"] == "ok"


def test_the_probes_work_over_backends_in_memory(folder: Path, photo: bytes) -> None:
    with serving(folder, blobs="memory:", metadata="memory:") as served:
        assert served.get("/readyz").json["status"] == "ready"
        id = served.upload(photo)
        assert served.get(f"/original/{id}").body == photo
        assert served.get(f"/derived/{id}-20x20.jpg").status == 200
        assert served.delete(id).status == 204
        assert served.get(f"/derived/{id}-20x20.jpg").status == 404
