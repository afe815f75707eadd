"""Servers that speak S3."""

import os
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.servers.cache import go_installed
from tests.servers.process import Server

_MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
_VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"


class S3Server(Server):
    """One with the credentials that stand in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, bucket: str, prefix: str = "", **query: object) -> str:
        """A store in it, as in PYMAGER_BLOBS; `endpoint` may be given, of a proxy say."""
        path = f"/{prefix}" if prefix else ""
        return f"s3://{bucket}{path}?{urlencode({'endpoint': self.endpoint} | query)}"


class Minio(S3Server):
    """MinIO on a folder."""

    @classmethod
    def install(cls) -> None:
        go_installed("minio-20260212", _MINIO)

    def command(self) -> list[str]:
        binary = go_installed("minio-20260212", _MINIO) / "minio"
        address = f"127.0.0.1:{self.port}"
        return [
            str(binary),
            "server",
            "--address",
            address,
            "--console-address",
            "127.0.0.1:0",
            str(self.folder / "data"),
        ]

    def variables(self) -> dict[str, str]:
        return {
            "MINIO_ROOT_USER": os.environ["AWS_ACCESS_KEY_ID"],
            "MINIO_ROOT_PASSWORD": os.environ["AWS_SECRET_ACCESS_KEY"],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "HOME": str(self.folder),
        }

    def answers(self) -> bool:
        return answered(f"{self.endpoint}/minio/health/ready")


class Versitygw(S3Server):
    """versitygw, a second S3 that shares no code with MinIO, on a folder."""

    @classmethod
    def install(cls) -> None:
        go_installed("versitygw-1.8.0", _VERSITYGW)

    def prepare(self) -> None:
        for name in ("data", "versions"):
            (self.folder / name).mkdir()

    def command(self) -> list[str]:
        binary = go_installed("versitygw-1.8.0", _VERSITYGW) / "versitygw"
        folders = ["--versioning-dir", str(self.folder / "versions"), str(self.folder / "data")]
        return [str(binary), "--port", f"127.0.0.1:{self.port}", "posix", *folders]

    def variables(self) -> dict[str, str]:
        return {
            "ROOT_ACCESS_KEY": os.environ["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        }


class Moto(S3Server):
    """moto: S3 and DynamoDB in memory, for a quick look and never the only proof."""

    @classmethod
    def install(cls) -> None:
        """It is a package of the test environment."""

    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.port)]

    def answers(self) -> bool:
        return answered(f"{self.endpoint}/moto-api/data.json")

    def table_url(self, name: str, **query: object) -> str:
        """A table in it, as in PYMAGER_METADATA."""
        return f"dynamodb://{name}?{urlencode({'region': 'us-east-1', 'endpoint': self.endpoint} | query)}"


def answered(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, HTTPError, OSError):
        return False
