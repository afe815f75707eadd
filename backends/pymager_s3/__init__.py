"""The blob backend for S3 and compatible servers.

Most GETs are sent by `fast_get`, large uploads by `multipart` with boto3, and everything else by obstore.
`tree` reads a bucket that something other than pymager wrote.
"""

import os

# obstore's runtime reads this variable at its first use. With a thread per core, requests move between threads. A
# single thread takes a fifth less CPU time per GET, and still handles more requests than the event loop can.
os.environ.setdefault("TOKIO_WORKER_THREADS", "1")

from pymager_s3.store import S3Blobs
from pymager_s3.tree import S3Tree

__all__ = ["S3Blobs", "S3Tree"]
