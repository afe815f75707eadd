"""Logs. Each test runs in its own process, because logging is configured for a whole process."""

import json
import subprocess
import sys
from typing import Any

import pytest

_PREPARED = """
import logging, os, sys, structlog
from pymager.telemetry import logs
logs.configure({level!r}, {style!r})
log = structlog.get_logger("pymager.test")
"""


def logged(script: str, level: str = "info", style: str = "json") -> str:
    program = _PREPARED.format(level=level, style=style) + script
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    return done.stderr.decode()


def lines(script: str, level: str = "info", style: str = "json") -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(script, level, style).splitlines()]


def test_a_line_is_one_json_object_with_level_and_time() -> None:
    (line,) = lines("log.info('it happened\\nso', id='cat', size=3)")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "it happened\nso", "level": "info", "id": "cat", "size": 3}


def test_an_error_is_logged_with_its_whole_traceback() -> None:
    (line,) = lines("try: 1 / 0\nexcept ZeroDivisionError as error: log.error('failed', exc_info=error)")
    assert "Traceback" in line["exception"]
    assert "ZeroDivisionError" in line["exception"]


def test_a_value_that_json_cannot_represent_is_logged() -> None:
    several = lines(
        "log.info('path', path='bad \\udcff')\nlog.info('number', count=2**70)\nlog.info('object', it=os)\n"
        "log.info('bad \\udcff', it=os)"
    )
    assert several[0]["path"] == "bad \udcff"
    assert several[1]["count"] == 2**70
    assert "module 'os'" in several[2]["it"]
    assert several[3]["event"] == "bad \udcff"


@pytest.mark.parametrize(("level", "expected"), [("debug", "dwe"), ("info", "we"), ("warning", "we"), ("error", "e")])
def test_events_below_the_level_are_not_logged(level: str, expected: str) -> None:
    script = "log.debug('d')\nlog.warning('w')\nlog.error('e')"
    assert "".join(line["event"] for line in lines(script, level)) == expected


def test_the_records_of_libraries_have_the_same_format() -> None:
    script = "logging.getLogger('lib').info('quiet')\nlogging.getLogger('lib').warning('%s%%', 5)"
    (line,) = lines(script)
    assert (line["event"], line["logger"], line["level"]) == ("5%", "lib", "warning")


def test_a_librarys_error_keeps_its_traceback() -> None:
    (line,) = lines("try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('lib').exception('failed')")
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize(("number", "expected"), [(35, "warning"), (45, "error"), (50, "critical"), (99, "critical")])
def test_a_custom_level_of_a_library_is_logged_as_the_next_lower_one(number: int, expected: str) -> None:
    (line,) = lines(f"logging.getLogger('lib').log({number}, 'odd')")
    assert line["level"] == expected


def test_the_console_format_is_lines_of_text() -> None:
    text = logged("log.info('it happened', id='cat')", style="console")
    assert "it happened" in text
    assert "cat" in text


def test_without_a_terminal_auto_is_json() -> None:
    assert lines("log.info('it happened')", style="auto")[0]["event"] == "it happened"


def test_the_access_log_writes_one_object_a_request() -> None:
    (line,) = lines("logs.access_log('info', 'json')({'status': 200, 'path': '/\\udcff'})")
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"level": "info", "event": "request", "status": 200, "path": "/\udcff"}


def test_above_info_requests_are_not_logged() -> None:
    assert lines("assert logs.access_log('warning', 'json') is None") == []


def test_the_access_log_of_the_console_format_is_text() -> None:
    assert "request" in logged("logs.access_log('info', 'console')({'status': 200})", style="console")


def test_a_log_without_a_reader_does_not_stop_requests() -> None:
    assert logged("write = logs.access_log('info', 'json')\nos.close(2)\nwrite({'status': 200})") == ""


def test_a_traceback_on_a_terminal_shows_no_variables() -> None:
    """structlog's own choice would show them if rich is installed, and they can be secrets."""
    script = (
        "def fail(password): 1 / 0\n"
        "try: fail('hidden-' + 'in-a-variable')\n"
        "except ZeroDivisionError: log.exception('failed')"
    )
    text = logged(script, style="console")
    assert "ZeroDivisionError" in text
    assert "hidden-in-a-variable" not in text
