"""DELETE is final, whatever is cached, and uploading the id again never brings old bytes back."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from tests.web.served import Served, until


def test_neither_a_deleted_original_nor_its_variants_are_served(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    paths = [f"/original/{id}", f"/info/{id}", f"/derived/{id}-11x11.jpg", f"/derived/{id}-60x40.jpg"]
    tags = [served.get(path)["ETag"] for path in paths]
    response = served.delete(id)
    assert (response.status, response.body) == (204, b"")
    for path, tag in zip(paths, tags, strict=True):
        assert served.get(path).status == 404
        assert served.head(path).status == 404
        assert served.get(path, If_None_Match=tag).status == 404


def test_a_second_delete_is_a_404(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    assert served.delete(id).status == 204
    response = served.delete(id)
    assert response.status == 404
    assert response.json["detail"] == f"There is no original '{id}'."


def test_of_many_deletes_exactly_one_succeeds(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: served.delete(id).status, range(12)))
    assert sorted(statuses) == [204] + [404] * 11


def test_of_many_posts_exactly_one_succeeds(served: Served, photo: bytes, other_photo: bytes) -> None:
    path = f"/original/race{secrets.token_hex(4)}"
    bodies = [photo, other_photo] * 6
    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(lambda body: served.post(path, body), bodies))
    assert sorted(response.status for response in responses) == [201] + [409] * 11
    (winner,) = (body for body, response in zip(bodies, responses, strict=True) if response.status == 201)
    assert served.get(path).body == winner


def test_a_delete_with_if_match_keeps_another_picture(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
    tag = served.get(f"/original/{id}")["ETag"]
    served.put(id, other_photo)
    assert served.delete(id, If_Match=tag).status == 412
    assert served.delete(id, If_Match=f"W/{tag}").status == 412
    assert served.get(f"/original/{id}").body == other_photo
    assert served.delete(id, If_Match=served.get(f"/original/{id}")["ETag"]).status == 204
    assert served.delete(id, If_Match=tag).status == 404


def test_a_delete_with_the_other_conditions(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    assert served.delete(id, If_None_Match="*").status == 412
    assert served.delete(id, If_Unmodified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status == 412
    assert served.get(f"/original/{id}").status == 200
    assert served.delete(id, If_Match="*", If_Unmodified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status == 204


def test_uploading_an_id_again_brings_no_old_bytes_back(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
    path = f"/derived/{id}-13x13.png"
    old = served.get(path)
    old_info = served.get(f"/info/{id}")
    for body in [other_photo, photo] * 3:
        assert served.delete(id).status == 204
        assert served.put(id, body).status == 201
        new = served.get(path, If_None_Match=old_info["ETag"], If_Modified_Since=old["Last-Modified"])
        assert new.status == 200
        assert (new.body == old.body) == (body == photo)
        assert served.get(f"/original/{id}").body == body


def test_a_delete_removes_the_blobs_from_the_store(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    served.get(f"/derived/{id}-14x14.png")
    assert len(served.files_of(id)) == 2
    served.delete(id)
    until(lambda: not served.files_of(id))
