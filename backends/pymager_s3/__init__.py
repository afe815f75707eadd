"""The blob backend over S3 and what speaks its protocol, through obstore."""

from pymager_s3.store import S3Blobs

__all__ = ["S3Blobs"]
