"""Whether a server and the client run on different cores while a hit is measured."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bench.cores import apart


@pytest.fixture
def processes() -> Iterator[list[int]]:
    """Two processes that wait until their standard input is closed."""
    with ExitStack() as stack:
        found = []
        for _ in range(2):
            process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            found.append(process.pid)
        yield found


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
def test_a_server_and_the_client_share_no_core(processes: list[int]) -> None:
    cores = os.sched_getaffinity(0)
    server, client = processes
    with apart(server, client):
        assert os.sched_getaffinity(server) | os.sched_getaffinity(client) == cores
        assert len(os.sched_getaffinity(client)) == 1
        assert not os.sched_getaffinity(server) & os.sched_getaffinity(client)
    assert [os.sched_getaffinity(pid) for pid in processes] == [cores, cores]


def test_with_one_core_nothing_changes(processes: list[int]) -> None:
    cores = os.sched_getaffinity(0)
    one = {min(cores)}
    try:
        os.sched_setaffinity(0, one)
        with apart(*processes):
            assert [os.sched_getaffinity(pid) for pid in processes] == [cores, cores]
    finally:
        os.sched_setaffinity(0, cores)
