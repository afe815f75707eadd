"""Forms as real programs and libraries send them: fields before and after the picture, names in many scripts."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import requests
import urllib3

from tests.web.served import FORM, TOKEN, WRITER, Served, form, part, serving

FILE_NAMES = ["cat.jpg", "café 猫 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627.jpg", 'a"b;c=d.jpg']
_TIMEOUT_SECONDS = 60


@pytest.fixture(params=FILE_NAMES, ids=ascii)
def file(request: pytest.FixtureRequest, tmp_path: Path, photo: bytes) -> Path:
    """A picture on disk, under each of the names."""
    path = tmp_path / str(request.param)
    path.write_bytes(photo)
    return path


def by_requests(url: str, file: Path) -> int:
    fields = {"title": (None, "a cat"), "file": (file.name, file.read_bytes(), "image/jpeg"), "tags": (None, "猫")}
    return requests.post(url, files=fields, headers=WRITER, timeout=_TIMEOUT_SECONDS).status_code


def by_urllib3(url: str, file: Path) -> int:
    fields = {"title": "a cat", "file": (file.name, file.read_bytes()), "tags": "猫"}
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, fields=fields, headers=WRITER, timeout=_TIMEOUT_SECONDS).status


def by_aiohttp(url: str, file: Path) -> int:
    async def send() -> int:
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("title", "a cat")
        form.add_field("file", file.read_bytes(), filename=file.name)
        form.add_field("tags", "猫")
        async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=WRITER) as response:
            return response.status

    return asyncio.run(send())


def by_curl(url: str, file: Path) -> int:
    quoted = str(file).replace('"', '\\"')
    return _run(
        *("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--oauth2-bearer", TOKEN),
        *("-F", "title=a cat", "-F", f'file=@"{quoted}"', "-F", "tags=猫", url),
    )


def by_node(url: str, file: Path) -> int:
    program = """
        const [url, path, name, token] = process.argv.slice(1);
        const form = new FormData();
        form.set("title", "a cat");
        form.set("file", new Blob([require("fs").readFileSync(path)], { type: "image/jpeg" }), name);
        form.set("tags", "猫");
        fetch(url, { method: "POST", body: form, headers: { Authorization: `Bearer ${token}` } })
            .then((response) => console.log(response.status));
    """
    return _run("node", "-e", program, url, str(file), file.name, TOKEN)


def _run(program: str, *arguments: str) -> int:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    run = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    assert run.stdout, run.stderr
    return int(run.stdout)


@pytest.mark.parametrize("send", [by_requests, by_urllib3, by_aiohttp, by_curl, by_node])
def test_a_client_uploads_a_picture_between_two_fields(
    served: Served, photo: bytes, file: Path, send: Callable[[str, Path], int]
) -> None:
    id = f"{send.__name__}-{FILE_NAMES.index(file.name)}"
    assert send(f"{served.url}/original/{id}", file) == 201
    assert served.get(f"/original/{id}").body == photo


WRITTEN = {
    "Chromium": (
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\na cat\r\n'
        b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a%22b.jpg"\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n'
        b"------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n",
    ),
    "Java mail": (
        'multipart/form-data; boundary="----=_Part_0_1330400439.1764327600000"',
        b"------=_Part_0_1330400439.1764327600000\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\nContent-Disposition: form-data; name=title\r\n\r\na cat\r\n"
        b"------=_Part_0_1330400439.1764327600000\r\nContent-Type: image/jpeg; name=caf\xe9.jpg\r\n"
        b"Content-Transfer-Encoding: binary\r\n"
        b"Content-Disposition: form-data; name=file; \r\n\tfilename=caf\xe9.jpg\r\n\r\n%b\r\n"
        b"------=_Part_0_1330400439.1764327600000--\r\n",
    ),
    "Java mail, with the boundary unquoted": (
        "multipart/form-data; boundary=----=_Part_0_8.16",
        b"This is a multi-part message in MIME format.\r\n------=_Part_0_8.16\r\n"
        b'Content-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\n%b\r\n------=_Part_0_8.16--\r\n',
    ),
    "Apache HttpClient, strict": (
        "multipart/form-data; boundary=Qs0zoDRIZ8M_0d-Xg2Kd; charset=ISO-8859-1",
        b'--Qs0zoDRIZ8M_0d-Xg2Kd\r\nContent-Disposition: form-data; name="file"; filename="caf\xe9.jpg"\r\n'
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n%b\r\n"
        b'--Qs0zoDRIZ8M_0d-Xg2Kd\r\nContent-Disposition: form-data; name="title"\r\n'
        b"Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nun caf\xe9\r\n"
        b"--Qs0zoDRIZ8M_0d-Xg2Kd--\r\n",
    ),
    "Android's examples": (
        "multipart/form-data;boundary=*****",
        b'--*****\r\nContent-Disposition: form-data; name="file";filename="cat.jpg"\r\n\r\n%b\r\n--*****--\r\n',
    ),
}


@pytest.mark.parametrize("client", WRITTEN)
def test_a_form_as_another_client_writes_it_is_accepted(served: Served, photo: bytes, client: str) -> None:
    content_type, body = WRITTEN[client]
    body = body.replace(b"%b", photo)
    id = served.upload(photo)
    served.delete(id)
    head = (
        f"POST /original/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    response = served.raw(head.encode("iso-8859-1") + body)
    assert response.status == 201, response.body
    assert served.get(f"/original/{id}").body == photo


def test_a_picture_of_the_maximum_size_can_have_all_fields(tmp_path: Path, photo: bytes) -> None:
    fields = [part(b"x" * 2_048, f'form-data; name="field-{number}"; filename=""') for number in range(32)]
    with serving(tmp_path, max_body=len(photo)) as served:
        response = served.request("POST", "/original/cat", WRITER | FORM, form(photo, *fields))
        assert response.status == 201, response.body
