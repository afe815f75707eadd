"""Rare operations on the whole bucket: create it, and find abandoned uploads."""

from collections.abc import Iterator

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pymager.errors import ConfigurationError
from pymager_s3.clients import BotocoreClient
from pymager_s3.errors import configuration_error, error_details
from pymager_s3.get_request import parse_date

_DEFAULT_REGION = "us-east-1"  # Amazon S3 API reference, CreateBucket: it must not be a LocationConstraint


def create(client_of: BotocoreClient, bucket: str) -> list[str]:
    """Create the bucket if it is missing; returns what was done. Raises `ConfigurationError` and botocore's errors."""
    client = client_of()
    region = client.meta.region_name
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise configuration_error(bucket, error_details(error)) or error from None
    else:
        return []
    constraint = {} if region == _DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=bucket, **constraint)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BucketAlreadyOwnedByYou":  # another process was faster
            return []
        if code == "BucketAlreadyExists":
            message = f"the bucket '{bucket}' belongs to another account; choose another name"
            raise ConfigurationError(message) from None
        raise configuration_error(bucket, error_details(error)) or error from None
    return [f"created the bucket '{bucket}' in {region}"]


def old_uploads(client_of: BotocoreClient, bucket: str, prefix: str, older_than: float) -> Iterator[dict[str, str]]:
    """The multipart uploads under the prefix that began `older_than` seconds ago. Raises botocore's errors.

    Lists the whole bucket, since MinIO cannot list uploads by prefix. Ages are computed from the server's times, so
    the local clock does not matter.
    """
    for page in client_of().get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        try:
            now = parse_date(page["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        except ValueError:  # nobody knows how old they are
            continue
        for upload in page.get("Uploads", ()):
            if upload["Key"].startswith(prefix) and (now - upload["Initiated"]).total_seconds() >= older_than:
                yield {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}


def abort(client_of: BotocoreClient, upload: dict[str, str]) -> bool:
    """Abort an upload; False if it no longer exists. Raises botocore's errors."""
    try:
        client_of().abort_multipart_upload(**upload)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise
        return False
    return True
