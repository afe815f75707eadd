"""The blob backend over S3 and what speaks its protocol, through obstore."""

import os

# obstore's runtime reads it when it is first used. A thread for each core hands requests from one to the other; one
# alone takes a fifth less processor time for a GET, and has more to give than the event loop can take.
os.environ.setdefault("TOKIO_WORKER_THREADS", "1")

from pymager_s3.store import S3Blobs

__all__ = ["S3Blobs"]
