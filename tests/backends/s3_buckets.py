"""New buckets on the servers that the S3 tests run against."""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

from botocore.session import Session

from pymager_s3 import S3Blobs
from tests.servers import Minio
from tests.servers.s3 import S3Server


async def new_bucket(server: S3Server) -> str:
    """The name of a new bucket."""
    name = f"pymager-{secrets.token_hex(8)}"
    await S3Blobs(server.url(name)).prepare()
    return name


def through(port: int, bucket: str, prefix: str = "", **query: object) -> str:
    """The URL of a bucket, through another port than its server's."""
    path = f"/{prefix}" if prefix else ""
    return f"s3://{bucket}{path}?{urlencode({'endpoint': f'http://127.0.0.1:{port}'} | query)}"


def client_of(server: S3Server, service: str = "s3") -> Any:
    """botocore's client, to inspect the bucket without pymager."""
    return Session().create_client(service, endpoint_url=server.endpoint, region_name="us-east-1")


def session_of(minio: Minio, statements: list[dict[str, Any]]) -> dict[str, str]:
    """Environment variables with temporary credentials that have only the permissions of these policy statements."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    got = client_of(minio, "sts").assume_role(
        RoleArn="arn:aws:iam::000000000000:role/tests", RoleSessionName="tests", DurationSeconds=900, Policy=policy
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": got["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": got["SecretAccessKey"],
        "AWS_SESSION_TOKEN": got["SessionToken"],
    }
