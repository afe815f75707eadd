"""What is done to the bucket as a whole, seldom: making it, and clearing uploads that were left behind."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pymager.errors import ConfigurationError
from pymager_s3.connections import Client
from pymager_s3.failures import failure_of, misconfigured

_WITHOUT_CONSTRAINT = "us-east-1"  # Amazon S3 API reference, CreateBucket: the one region that may not be said
_OURS_ALREADY = "BucketAlreadyOwnedByYou"


def make(client_of: Client, bucket: str) -> list[str]:
    """Make the bucket where it is missing, and say so. Raises `ConfigurationError` and botocore's errors."""
    client = client_of()
    region = client.meta.region_name
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise misconfigured(bucket, failure_of(error)) or error from None
    else:
        return []
    place = {} if region == _WITHOUT_CONSTRAINT else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=bucket, **place)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == _OURS_ALREADY:  # another was faster
            return []
        if code == "BucketAlreadyExists":
            raise ConfigurationError(f"the bucket '{bucket}' is somebody else's; choose another name") from None
        raise misconfigured(bucket, failure_of(error)) or error from None
    return [f"made the bucket '{bucket}' in {region}"]


def old_uploads(client_of: Client, bucket: str, prefix: str, older_than: float) -> Iterator[dict[str, str]]:
    """The uploads in parts under the prefix that were begun so many seconds ago. Raises botocore's errors.

    All of the bucket are listed, since MinIO lists none for a prefix. Their age is from when the server says they
    began to what it says the time is now, so no clock of ours is in it.
    """
    for page in client_of().get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
        for upload in page.get("Uploads", ()):
            if upload["Key"].startswith(prefix) and (now - upload["Initiated"]).total_seconds() >= older_than:
                yield {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}


def abort(client_of: Client, upload: dict[str, str]) -> bool:
    """Abort an upload; False where it is gone already. Raises botocore's errors."""
    try:
        client_of().abort_multipart_upload(**upload)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise
        return False
    return True
