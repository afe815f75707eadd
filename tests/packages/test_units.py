"""The files that the service is started with on a server, held against the program."""

import re
import tomllib
from pathlib import Path

from pymager.settings import sources
from pymager.settings.model import Settings

_ROOT = Path(__file__).parents[2]
_DEBIAN = _ROOT / "packaging" / "debian"
_UNIT = _DEBIAN / "pymager.service"
_EXAMPLE = _ROOT / "examples" / "systemd" / "pymager.service"
_COMMENTED = re.compile(r"^# (\w+ = .*)$", re.MULTILINE)


def test_the_example_is_the_packaged_unit_with_the_program_in_opt() -> None:
    packaged = _UNIT.read_text().replace("ExecStart=/usr/bin/pymager", "ExecStart=/opt/pymager/bin/pymager")
    own = [line for line in packaged.splitlines() if not line.startswith("Documentation=")]
    assert _EXAMPLE.read_text().splitlines() == own


def test_the_sample_of_the_settings_is_taken_as_it_is_and_listens_on_this_machine_alone() -> None:
    settings = sources.load({"config": str(_DEBIAN / "pymager.toml")}, {}).settings
    assert str(settings.data) == "/var/lib/pymager"
    assert settings.host == "127.0.0.1"


def test_whatever_the_sample_has_commented_out_is_a_setting_with_a_value_that_is_taken(tmp_path: Path) -> None:
    lines = _COMMENTED.findall((_DEBIAN / "pymager.toml").read_text().partition("# [users]")[0])
    assert len(lines) == 7
    assert set(tomllib.loads("\n".join(lines))) <= set(Settings.model_fields)
    (tmp_path / "pymager.toml").write_text("\n".join(lines))
    assert sources.load({"config": str(tmp_path / "pymager.toml")}, {}).settings.port == 8000


def test_systemd_waits_for_longer_than_the_service_takes_to_drain() -> None:
    match = re.search(r"^TimeoutStopSec=(\d+)$", _UNIT.read_text(), re.MULTILINE)
    assert match is not None
    settings = sources.load({}, {}).settings
    assert int(match[1]) > settings.drain_delay + settings.shutdown_timeout
