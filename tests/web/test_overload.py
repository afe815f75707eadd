"""Overload: requests are refused with 503, while hits are served."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from tests.web.served import WRITER, Response, Served, serving, until

QUEUE = 3


@contextmanager
def halted(served: Served) -> Iterator[None]:
    """The only worker hangs."""
    (worker,) = served.parts.workers.state.pids
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def refused(futures: list[Future[Response]]) -> list[Response]:
    return [future.result() for future in futures if future.done()]


def assert_refused(responses: list[Response]) -> None:
    assert {response.status for response in responses} == {503}
    for response in responses:
        assert 1 <= int(response["Retry-After"]) <= 30
        assert response["Cache-Control"] == "no-store"
        assert response["Content-Type"] == "application/problem+json"


def test_cold_requests_over_the_queue_are_refused_and_hits_are_served(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=QUEUE, memory_cache=0) as served:
        id, kept = served.upload(photo), served.upload(photo)
        hit = served.get(f"/derived/{kept}-9x9.jpg")
        paths = [f"/derived/{id}-{side}x{side}.jpg" for side in range(10, 22)]
        with halted(served), ThreadPoolExecutor(len(paths)) as pool:
            cold = [pool.submit(served.get, path) for path in paths]
            until(lambda: len(refused(cold)) == len(paths) - QUEUE - 1)
            assert_refused(refused(cold))
            assert served.get(f"/derived/{kept}-9x9.jpg").body == hit.body
            assert served.get(f"/derived/{kept}-9x9.jpg", If_None_Match=hit["ETag"]).status == 304
            assert served.get(f"/original/{id}").body == photo
            assert_refused([served.get(f"/derived/{id}-30x30.jpg")])
            assert len(refused(cold)) == len(paths) - QUEUE - 1
            os.kill(served.parts.workers.state.pids[0], signal.SIGCONT)
            statuses = sorted(future.result().status for future in cold)
        assert statuses == [200] * (QUEUE + 1) + [503] * (len(paths) - QUEUE - 1)
        assert served.get(paths[-1]).status == 200


def test_clients_that_wait_for_the_same_variant_are_one_job(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=1) as served:
        id = served.upload(photo)
        with halted(served), ThreadPoolExecutor(12) as pool:
            same = [pool.submit(served.get, f"/derived/{id}-10x10.jpg") for _ in range(10)]
            until(lambda: served.parts.workers.state.busy == 1)
            other = pool.submit(served.get, f"/derived/{id}-11x11.jpg")
            until(lambda: served.parts.workers.state.renders == 1)
            assert_refused([served.get(f"/derived/{id}-12x12.jpg")])
            os.kill(served.parts.workers.state.pids[0], signal.SIGCONT)
            assert {future.result().status for future in [*same, other]} == {200}


def test_uploads_over_the_queue_are_refused_and_nothing_is_stored(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=1) as served:
        ids = [f"upload-{number}" for number in range(6)]
        with halted(served), ThreadPoolExecutor(len(ids)) as pool:
            uploads = [pool.submit(served.put, id, photo) for id in ids]
            until(lambda: len(refused(uploads)) == len(ids) - 2)
            assert_refused(refused(uploads))
            os.kill(served.parts.workers.state.pids[0], signal.SIGCONT)
            statuses = [future.result().status for future in uploads]
        assert sorted(statuses) == [201, 201] + [503] * 4
        for id, status in zip(ids, statuses, strict=True):
            assert served.get(f"/original/{id}").status == (200 if status == 201 else 404)
        assert served.get(f"/derived/{ids[statuses.index(201)]}-9x9.jpg").status == 200


def sent(served: Served, method: str, path: str, body: bytes = b"") -> socket.socket:
    """A connection over which a whole request was sent."""
    fields = {"Host": "localhost", "Content-Length": str(len(body))} | WRITER
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
    connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return connection


def test_a_render_that_waits_is_dropped_when_its_last_client_has_left(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=QUEUE) as served:
        id = served.upload(photo)
        with halted(served), ThreadPoolExecutor(1) as pool:
            running = pool.submit(served.get, f"/derived/{id}-10x10.jpg")
            until(lambda: served.parts.workers.state.busy == 1)
            with closing(sent(served, "GET", f"/derived/{id}-11x11.jpg")) as first:
                until(lambda: served.parts.workers.state.renders == 1)
                # With an encoded character it takes the way through the application; the variant is the same.
                second = sent(served, "GET", f"/derived/{id}-11x11.jp%67")
                third = sent(served, "GET", f"/derived/{id}-12x12.jp%67")
                until(lambda: served.parts.workers.state.renders == 2)
                first.close()
                third.close()
                until(lambda: served.parts.workers.state.renders == 1)
                second.close()
            until(lambda: served.parts.workers.state.renders == 0)
            again = sent(served, "GET", f"/derived/{id}-11x11.jpg")
            until(lambda: served.parts.workers.state.renders == 1)
            os.kill(served.parts.workers.state.pids[0], signal.SIGCONT)
            assert running.result().status == 200
            with closing(again):
                assert again.recv(15) == b"HTTP/1.1 200 OK"
        assert not any("12x12" in path.name for path in served.files_of(id))


def test_an_upload_that_waits_to_be_verified_is_dropped_when_its_client_has_left(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=QUEUE) as served:
        with halted(served), ThreadPoolExecutor(1) as pool:
            running = pool.submit(served.put, "running", photo)
            until(lambda: served.parts.workers.state.busy == 1)
            left, stays = sent(served, "PUT", "/original/left", photo), sent(served, "PUT", "/original/stays", photo)
            until(lambda: served.parts.workers.state.inspections == 2)
            left.close()
            until(lambda: served.parts.workers.state.inspections == 1)
            until(lambda: len(list(served.parts.spool.folder.iterdir())) == 3)  # two bodies and the lock
            os.kill(served.parts.workers.state.pids[0], signal.SIGCONT)
            assert running.result().status == 201
            with closing(stays):
                assert stays.recv(20) == b"HTTP/1.1 201 Created"
        assert (served.get("/original/left").status, served.get("/original/stays").status) == (404, 200)


def test_an_upload_whose_client_leaves_while_it_is_verified_is_stored(folder: Path, photo: bytes) -> None:
    with serving(folder, workers=1, queue_size=QUEUE) as served:
        with halted(served):
            left = sent(served, "PUT", "/original/left", photo)
            until(lambda: served.parts.workers.state.busy == 1)
            left.close()
        until(lambda: served.get("/original/left").status == 200)
