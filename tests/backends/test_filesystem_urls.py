"""Which folder a `file:` URL names, and the errors for other URLs."""

from pathlib import Path

import pytest

from pymager.errors import ConfigurationError
from pymager_filesystem import FolderBlobs

KEY = "original/cat/0123.jpg"


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize(
    ("form", "folder"),
    [
        ("file://{here}/a", "a"),
        ("file:{here}/a", "a"),
        ("FILE:{here}/a/", "a"),
        ("file:a/b", "a/b"),
        ("file:a%20b%3Fc%23d", "a b?c#d"),
        ("file:caf%C3%A9", "café"),
        ("file:café", "café"),
        ("file:a/../b", "b"),
    ],
)
async def test_a_url_names_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, folder: str) -> None:
    monkeypatch.chdir(tmp_path)
    async with FolderBlobs(form.format(here=tmp_path)) as store:
        await store.put(KEY, b"cat", "image/jpeg")
    assert files_below(tmp_path / folder)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file://data/pictures", "names the host 'data'"),
        ("file://localhost/pictures", "names the host 'localhost'"),
        ("file:", "names no folder"),
        ("file://", "names no folder"),
        ("file:/a?mode=0700", "has a query or a fragment"),
        ("file:/a#b", "has a query or a fragment"),
        ("file:/a%00b", "names no folder"),
        ("/a", "is not a file: URL"),
    ],
)
def test_an_invalid_url_is_refused_with_the_expected_form(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match="write file:///absolute/path or file:relative/path") as refused:
        FolderBlobs(url)
    assert message in str(refused.value)


async def test_a_relative_url_is_resolved_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = FolderBlobs("file:here")
    monkeypatch.chdir("/")
    async with store:
        await store.put(KEY, b"cat", "image/jpeg")
    assert files_below(tmp_path / "here" / "blobs")


async def test_opening_fails_if_the_folder_cannot_be_created_or_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (f"{tmp_path}/file", f"{tmp_path}/file/below", "/proc/pymager", "/proc/self/task"):
        with pytest.raises(ConfigurationError, match=f"{path} must be a folder that this user can write to"):
            await FolderBlobs(f"file://{path}").__aenter__()
