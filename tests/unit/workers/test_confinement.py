"""The sandbox of worker processes, attacked from inside: hostile code runs in a real worker."""

import ctypes
import errno
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymager.errors import ConfigurationError, Undecodable
from pymager.sandbox import confinement, landlock, seccomp
from pymager.sandbox.confinement import NONE, Confinement
from tests.unit.workers.pools import UNSUPPORTED, pool, rendered

HOSTILE = (str(Path(__file__).with_name("hostile_worker.py")),)
DENIED = {"EPERM", "EACCES"}
NEED_ROOT = {"bpf", "memory", "memory by a file"}
"""Attacks that can fail without a sandbox too, for want of privileges."""
LANDLOCK_DENIES = {
    *("abstract", "catalog", "environment", "environment of the server", "execute", "kill", "maps of the server"),
    *("memory", "memory by a file", "other original", "overwrite", "own environment", "tcp", "write"),
}
"""What Landlock denies without seccomp, in version 6 of its ABI or later."""

Attacks = dict[str, list[object]]


@pytest.fixture
def attacks(tmp_path: Path) -> Iterator[Attacks]:
    """The attacks on this process and its files, by what they get."""
    for name in ("catalog.db", "other"):
        (tmp_path / name).write_text("secret")
    server, memory = os.getpid(), ctypes.create_string_buffer(b"secret!!")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        for end, address in ((unix, str(tmp_path / "socket")), (abstract, f"\0pymager-test-{server}")):
            end.bind(address)
            end.listen()
        yield {
            "abstract": ["abstract", f"@pymager-test-{server}"],
            "catalog": ["read", str(tmp_path / "catalog.db")],
            "environment of the server": ["read", f"/proc/{server}/environ"],
            "maps of the server": ["read", f"/proc/{server}/maps"],
            "memory": ["memory", server, ctypes.addressof(memory)],
            "memory by a file": ["read", f"/proc/{server}/mem"],
            "other original": ["read", str(tmp_path / "other")],
            "own environment": ["read", "/proc/self/environ"],
            "overwrite": ["write", str(tmp_path / "other")],
            "tcp": ["tcp", tcp.getsockname()[1]],
            "unix": ["unix", str(tmp_path / "socket")],
            "write": ["write", str(tmp_path / "new")],
            **{name: [name, server] for name in ("kill", "limits", "open process", "signal by a file")},
            **{name: [name] for name in ("bpf", "environment", "executable memory", "execute", "execute memory")},
            **{name: [name] for name in ("fork", "io_uring", "keyctl", "mount", "ptrace", "send a file", "setns")},
            **{name: [name] for name in ("udp", "unshare")},
        }


async def outcomes(
    chosen: Confinement, attacks: Attacks, folder: Path, program: tuple[str, ...] = HOSTILE
) -> dict[str, str]:
    """What the system answers to each attack, in one worker, which survives them."""
    found = {}
    async with pool(program=program, confinement=chosen) as workers:
        for name, arguments in ({"files": ["files"], "thread": ["thread"]} | attacks).items():
            (file := folder / "attack.txt").write_text(json.dumps(arguments))
            found[name] = (await rendered(workers, file)).decode()
        assert workers.state.started == 1
    return found


def denied(found: dict[str, str]) -> set[str]:
    return {name for name, outcome in found.items() if outcome in DENIED}


async def test_a_worker_that_is_taken_over_gets_nothing(attacks: Attacks, tmp_path: Path) -> None:
    found = await outcomes(confinement.chosen("required"), attacks, tmp_path)
    assert denied(found) == set(attacks)
    assert len(found["files"].split()) == 7  # two of /dev/null, standard error, the connection, two of /proc, the job's
    assert found["thread"] == "ok"
    assert not (tmp_path / "new").exists()


async def test_each_attack_would_succeed_without_the_sandbox(attacks: Attacks, tmp_path: Path) -> None:
    found = await outcomes(NONE, attacks, tmp_path)
    assert denied(found) <= (set() if os.geteuid() == 0 else NEED_ROOT)
    assert {name for name, outcome in found.items() if outcome == "ok"} >= {
        *("abstract", "catalog", "environment", "executable memory", "execute", "fork", "keyctl", "kill", "limits"),
        *("open process", "other original", "overwrite", "own environment", "signal by a file", "tcp", "udp", "unix"),
        *("unshare", "write"),
    }


async def test_seccomp_alone_denies_all_attacks(attacks: Attacks, tmp_path: Path) -> None:
    found = await outcomes(Confinement(seccomp=True), attacks, tmp_path)
    assert denied(found) == set(attacks)


async def test_landlock_alone_denies_files_and_other_processes(attacks: Attacks, tmp_path: Path) -> None:
    if landlock.version() < 6:
        pytest.skip("this kernel's Landlock does not deny signals")
    found = await outcomes(Confinement(landlock.version()), attacks, tmp_path)
    assert denied(found) == LANDLOCK_DENIES


def test_a_sandbox_that_is_required_and_missing_is_an_error_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert str(confinement.chosen("auto")) == "seccomp"
    with pytest.raises(ConfigurationError, match=r"PYMAGER_SANDBOX: must be auto or off .* it has no Landlock"):
        confinement.chosen("required")
    monkeypatch.setattr(seccomp, "is_supported", lambda: False)
    assert str(confinement.chosen("auto")) == str(confinement.chosen("off")) == "none"


async def test_a_job_that_imports_runs_in_a_worker_with_all_modules(tmp_path: Path) -> None:
    (file := tmp_path / "attack.txt").write_text('["import", "colorsys"]')
    async with pool(program=HOSTILE, confinement=confinement.chosen("required")) as workers:
        for _ in range(2):
            assert await rendered(workers, file) == b"ok"
        assert (workers.state.started, workers.state.restarts) == (2, 0)
        file.write_text('["import", "this"]')
        assert await rendered(workers, file) == b"not installed"


async def test_workers_without_a_template_load_all_modules_before_they_are_confined(tmp_path: Path) -> None:
    program = ("-c", UNSUPPORTED.format(program=HOSTILE[0]))
    attempts = {"import": ["import", "colorsys"], "read": ["read", "/etc/passwd"]}
    found = await outcomes(confinement.chosen("required"), attempts, tmp_path, program)
    assert (found["import"], found["read"] in DENIED) == ("ok", True)


async def test_modules_that_leave_no_memory_are_not_loaded(tmp_path: Path) -> None:
    (file := tmp_path / "attack.txt").write_text('["import", "colorsys"]')
    usable = confinement.chosen("required")
    async with pool(program=(*HOSTILE, "large"), memory=1 << 30, confinement=usable) as workers:
        for _ in range(2):
            with pytest.raises(Undecodable, match="needs more memory than the 1024 MiB"):
                await rendered(workers, file)
        file.write_text('["thread"]')
        assert await rendered(workers, file) == b"ok"


def answer(program: list[bytes], architecture: int, number: int, *arguments: int) -> int:
    """What a filter returns for a system call: a machine for the instructions that filters use."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    at = value = 0
    while True:
        code, if_true, if_false, operand = struct.unpack("=HBBI", program[at])
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x35:
                at += if_true if value >= operand else if_false
            case 0x45:
                at += if_true if value & operand else if_false
            case 0x06:
                return operand


@pytest.mark.parametrize(
    ("machine", "read", "kill", "openat", "clone"), [("x86_64", 0, 62, 257, 56), ("aarch64", 63, 129, 56, 220)]
)
def test_the_filter_of_each_architecture_allows_and_denies_its_own_calls(
    machine: str, read: int, kill: int, openat: int, clone: int
) -> None:
    allow, deny, no_call, end = 0x7FFF_0000, 0x0005_0000 | errno.EPERM, 0x0005_0000 | errno.ENOSYS, 0x8000_0000
    architecture = seccomp.ARCHITECTURES[machine]
    program = seccomp.instructions(architecture, 1, reads_files=False)
    with_files = seccomp.instructions(architecture, 1, reads_files=True)
    thread = 0x3D_0F00
    assert answer(program, architecture.audit, read) == answer(program, architecture.audit, clone, thread) == allow
    assert answer(program, architecture.audit, kill, 1, 0) == answer(program, architecture.audit, clone, 17) == deny
    assert answer(program, architecture.audit, openat, 0, 0, os.O_RDONLY) == deny
    assert answer(with_files, architecture.audit, openat, 0, 0, os.O_RDONLY | os.O_CLOEXEC) == allow
    assert answer(with_files, architecture.audit, openat, 0, 0, os.O_RDWR) == deny
    assert answer(with_files, architecture.audit, openat, 0, 0, os.O_CREAT) == deny
    assert answer(program, architecture.audit, 435) == no_call  # clone3
    assert answer(program, architecture.audit, read | 1 << 30) == deny  # x32
    assert answer(program, 0x4000_0003, read) == end  # 32 bits
