"""The example for Docker Compose: its own secrets and settings, given to the image, to MinIO and to PostgreSQL."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from tests.image import engine
from tests.image.container import watched
from tests.image.test_image import picture
from tests.servers import Minio, Postgres
from tests.servers.process import free_port

pytestmark = pytest.mark.live
_EXAMPLE = Path(__file__).parents[2] / "examples" / "compose"
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


class Example:
    """A copy of the example with secrets of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("secrets*"))
        self.folder = folder
        self.printed = subprocess.run([folder / "make-secrets"], check=True, capture_output=True, text=True).stdout
        self.file: dict[str, Any] = yaml.safe_load(_DEFAULT.sub(r"\1", (folder / "compose.yaml").read_text()))

    @property
    def token(self) -> str:
        match = re.search(r"Bearer ([0-9a-f]{48})'", self.printed)
        assert match is not None
        return match[1]

    def service(self, name: str) -> dict[str, Any]:
        return self.file["services"][name]

    def secret(self, name: str) -> Path:
        return self.folder / self.file["secrets"][name]["file"]

    def environment(self, name: str) -> dict[str, str]:
        """A service's, with its secrets' paths as they are outside of a container."""
        given = self.service(name)["environment"].items()
        return {key: str(value).replace("/run/secrets", str(self.folder / "secrets")) for key, value in given}

    def move(self, host: str, port: int) -> None:
        """Look for a store at a port of 127.0.0.1 in place of its name: the tests have no network of containers."""
        path = self.secret("pymager.toml")
        path.write_text(path.read_text().replace(f"@{host}/", f"@127.0.0.1:{port}/"))
        for service in ("pymager", "init"):
            environment = self.service(service)["environment"]
            for key, value in environment.items():
                environment[key] = str(value).replace(f"//{host}:9000", f"//127.0.0.1:{port}")

    def options(self, name: str) -> list[str]:
        """What podman is told so that it runs a service as Compose would."""
        service = self.service(name)
        assert service["read_only"] is True
        return [
            "--read-only",
            "--read-only-tmpfs=false",
            f"--memory={service['mem_limit']}",
            f"--pids-limit={service['pids_limit']}",
            *(f"--tmpfs={mount}" for mount in service["tmpfs"]),
            *(f"--cap-drop={name}" for name in service["cap_drop"]),
            *(f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"]),
            *(f"--volume={self.secret(name)}:/run/secrets/{name}:ro" for name in service["secrets"]),
            *(f"--env={key}={value}" for key, value in service["environment"].items()),
        ]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example(tmp_path_factory.mktemp("compose") / "compose")


@pytest.fixture(scope="module")
def stores(example: Example, minio: Minio, postgresql: Postgres) -> Iterator[Example]:
    """The example, with both stores there under its secrets."""

    class Secretive(Minio):
        def variables(self) -> dict[str, str]:
            return example.environment("minio") | {"HOME": str(self.folder)}

    password = example.secret("postgresql-password").read_text()
    with psycopg.connect(postgresql.address("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE pymager LOGIN PASSWORD {}").format(password))
        connection.execute("CREATE DATABASE pymager OWNER pymager")
        try:
            with Secretive() as bucket:
                example.move("minio", bucket.port)
                example.move("postgresql", postgresql.port)
                yield example
        finally:
            connection.execute("DROP DATABASE pymager WITH (FORCE)")
            connection.execute("DROP ROLE pymager")


def test_init_makes_the_stores_and_then_it_serves(image: str, stores: Example) -> None:
    host = ("--network=host", *stores.options("init"))
    made = engine.podman("run", "--rm", *host, image, *stores.service("init")["command"]).stdout
    assert "bucket" in made
    assert "originals" in made
    again = engine.podman("run", "--rm", *host, image, *stores.service("init")["command"]).stdout
    assert again == "nothing to do: everything is up to date\n"

    port = free_port()
    options = [*stores.options("pymager"), "--env=PYMAGER_HOST=127.0.0.1", f"--env=PYMAGER_PORT={port}"]
    with watched(image, port, *options, token=stores.token) as container:
        assert container.ask("/original/cat", "PUT", picture()).status == 201
        assert container.ask("/derived/cat-800x600.jpg").status == 200
        assert container.stop() == 0, container.log()


def test_no_secret_stands_in_the_file_and_none_is_made_twice(example: Example) -> None:
    text = (example.folder / "compose.yaml").read_text()
    for path in (example.folder / "secrets").iterdir():
        assert path.name in text, "each is used"
        assert path.read_text() not in text
    assert example.token not in "".join(path.read_text() for path in (example.folder / "secrets").iterdir())
    before = {path: path.read_text() for path in (example.folder / "secrets").iterdir()}
    again = subprocess.run([example.folder / "make-secrets"], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert {path: path.read_text() for path in before} == before


def test_everything_it_starts_waits_for_what_it_needs(example: Example) -> None:
    services = example.file["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy" and "healthcheck" in services[needed]
            done = how["condition"] == "service_completed_successfully" and services[needed]["restart"] == "no"
            assert healthy or done, needed
