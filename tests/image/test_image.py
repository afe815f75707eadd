"""The container image, built and run: nothing in it is mocked but the base image's origin."""

import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image

from pymager import __version__
from pymager.sandbox import confinement
from tests.image import engine
from tests.image.container import Container, new_volume, printed, serving
from tests.pictures import photograph
from tests.servers.process import free_port

pytestmark = pytest.mark.live
_OWNER = 10_001
# Folders that a process may write to: those of mounts that are the kernel's are left out.
_WRITABLE = """
import json, os
found = []
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/dev")]
    found += [path for path in [folder, *(os.path.join(folder, name) for name in files)]
              if not os.path.islink(path) and os.access(path, os.W_OK)]
print(json.dumps(found))
"""
_PROGRAMS = """
import json, shutil, sys
print(json.dumps([name for name in sys.argv[1:] if shutil.which(name)]))
"""


@pytest.fixture(scope="module")
def volume(image: str) -> Iterator[str]:
    with new_volume() as name:
        yield name


@pytest.fixture(scope="module")
def container(image: str, volume: str) -> Iterator[Container]:
    with serving(image, volume) as container:
        yield container


def picture() -> bytes:
    file = io.BytesIO()
    photograph(1200, 900).save(file, "JPEG")
    return file.getvalue()


def test_an_upload_gets_a_derived_picture_and_outlives_its_container(image: str) -> None:
    original = picture()
    with new_volume() as volume:
        with serving(image, volume) as first:
            assert first.ask("/original/cat", "PUT", original).status == 201
            derived = first.ask("/derived/cat-400x300.webp")
            with Image.open(io.BytesIO(derived.body)) as opened:
                assert (derived.status, opened.size, opened.format) == (200, (400, 300), "WEBP")
            assert first.stop() == 0, first.log()
            assert not first.state()["OOMKilled"]
            first.logs('"stopped"')
        with serving(image, volume) as second:
            assert second.ask("/original/cat").body == original


def test_the_sandbox_is_the_same_as_outside_of_the_container(container: Container) -> None:
    container.logs(f'"in_force":"{confinement.chosen("auto")}"')


def test_every_process_runs_as_its_own_user_without_capabilities(container: Container) -> None:
    assert container.ask("/original/for-a-worker", "PUT", picture()).status == 201
    statuses = container.run("sh", "-c", "cat /proc/[0-9]*/status").split("Name:")[1:]
    fields = [dict(line.split(":\t", 1) for line in status.splitlines()[1:] if ":\t" in line) for status in statuses]
    assert len(fields) > 2, "the server, a worker, and the shell that looks"
    for field in fields:
        assert set(field["Uid"].split()) == set(field["Gid"].split()) == {str(_OWNER)}
        assert {int(field[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert field["NoNewPrivs"] == "1"


def test_nothing_is_writable_but_the_volume_and_tmp(container: Container) -> None:
    found = json.loads(container.run("python3", "-c", _WRITABLE))
    assert {"/tmp", "/var/lib/pymager"} <= set(found)
    assert [path for path in found if not (path + "/").startswith(("/tmp/", "/var/lib/pymager/"))] == []


def test_the_programs_own_files_belong_to_root_also_where_the_root_is_writable(image: str) -> None:
    command = f"find / -xdev \\( -user {_OWNER} -o -group {_OWNER} \\); find /opt/pymager -perm /022 ! -type l"
    options = ("run", "--rm", "--network=none", "--user=root", "--entrypoint=sh")
    assert engine.podman(*options, image, "-c", command).stdout.split() == ["/var/lib/pymager"]


def test_the_health_check_passes_while_it_serves_and_fails_where_nobody_does(image: str, container: Container) -> None:
    assert engine.podman("healthcheck", "run", container.name, check=False).returncode == 0
    kind, *command = engine.inspected(image)["Healthcheck"]["Test"]
    assert kind == "CMD"
    nobody = ("exec", f"--env=PYMAGER_PORT={free_port()}", container.name, *command)
    assert engine.podman(*nobody, check=False).returncode == 1


def test_no_compiler_and_no_installer_and_nothing_of_the_build_is_left(image: str) -> None:
    unwanted = ("gcc", "g++", "cc", "c++", "clang", "ld", "as", "make", "curl", "wget", "git", "pip", "pip3")
    assert json.loads(printed(image, "python3", "-c", _PROGRAMS, *unwanted, "sh")) == ["sh"], "sh shows that it looks"
    left = printed(image, "sh", "-c", "ls -d /build /etc/pip.conf /opt/pymager/lib/python3*/site-packages/pip*; true")
    assert left == ""


@pytest.mark.parametrize(
    "module", ["obstore", "boto3", "sqlalchemy", "alembic", "psycopg", "pymysql", "aiodynamo", "pi_heif", "pymager_s3"]
)
def test_what_the_extras_need_is_there(container: Container, module: str) -> None:
    container.run("python", "-c", f"import {module}")


def test_it_says_what_it_is(image: str) -> None:
    found = engine.inspected(image)
    settings, labels = found["Config"], found["Config"]["Labels"]
    assert settings["User"] == f"{_OWNER}:{_OWNER}"
    assert settings["Volumes"] == {"/var/lib/pymager": {}}
    assert settings["ExposedPorts"] == {"8000/tcp": {}}
    assert settings["StopSignal"] == "SIGTERM"
    assert labels["org.opencontainers.image.version"] == __version__
    assert {f"localhost/pymager:{__version__}", "localhost/pymager:latest"} <= set(found["RepoTags"])
    assert printed(image, "pymager", "--version").strip() == f"pymager, version {__version__}"
