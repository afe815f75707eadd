"""The blob backend for S3 and compatible servers, with obstore."""

import os

# obstore's runtime reads it when it is first used. With a thread per core, threads hand requests to each other; a
# single thread takes a fifth less processor time per GET, and still handles more than the event loop can take.
os.environ.setdefault("TOKIO_WORKER_THREADS", "1")

from pymager_s3.store import S3Blobs

__all__ = ["S3Blobs"]
