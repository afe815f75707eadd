"""A start that can't be right ends with exit code 2 and names the setting."""

from pathlib import Path
from typing import Any

import pytest

from tests.live.client import Client
from tests.live.program import command, running
from tests.pictures import jpeg

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"port": "http"}, "PYMAGER_PORT"),
        ({"workers": 0}, "PYMAGER_WORKERS"),
        ({"sizes": "800by600"}, "PYMAGER_SIZES"),
        ({"max_body": "much"}, "PYMAGER_MAX_BODY"),
        ({"users": "ann:plain"}, "PYMAGER_USERS"),
        ({"tokens": "ann:plain"}, "PYMAGER_TOKENS"),
        ({"signing_keys": "short"}, "PYMAGER_SIGNING_KEYS"),
        ({"signatures": "required"}, "PYMAGER_SIGNATURES"),
        ({"signatures": "optional"}, "PYMAGER_SIGNATURES"),
        ({"background": "red"}, "PYMAGER_BACKGROUND"),
        ({"log_level": "loud"}, "PYMAGER_LOG_LEVEL"),
        ({"blobs": "ftp://example.org/"}, "ftp"),
        ({"metadata": "sqlite://"}, "sqlite"),
        ({"host": "no.such.host.invalid"}, "PYMAGER_HOST"),
        ({"colour": "red"}, "PYMAGER_COLOUR"),
        ({"worker_memory": "1MiB"}, "PYMAGER_WORKER_MEMORY"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_setting_that_is_wrong_is_named(
    tmp_path: Path, settings: dict[str, Any], named: str, processes: int
) -> None:
    done = await command(tmp_path, "serve", processes=processes, **settings)
    assert done.code == 2, done
    assert named in done.err
    assert "Traceback" not in done.err


async def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    done = await command(tmp_path, "serve", workers=0, sizes="big")
    assert done.code == 2
    assert "PYMAGER_WORKERS" in done.err
    assert "PYMAGER_SIZES" in done.err


async def test_a_data_folder_that_can_not_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for settings in ({}, {"tokens": None}, {"processes": 2}):
        done = await command(tmp_path, "serve", data=tmp_path / "file/data", **settings)
        assert done.code == 2, done
        assert str(tmp_path / "file/data") in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_port_that_is_in_use_is_named_and_its_owner_goes_on(tmp_path: Path, processes: int) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        done = await command(tmp_path, "serve", port=program.port, processes=processes)
        assert done.code == 2
        assert "PYMAGER_PORT" in done.err
        assert str(program.port) in done.err
        assert (await client.put("cat", jpeg(64, 48))).status == 201
