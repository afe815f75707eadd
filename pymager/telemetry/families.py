"""Every metric there is: its name, what it counts, and by which labels. docs/observability.md lists them from here."""

from dataclasses import dataclass
from typing import Literal

_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STORE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_JOB = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: `name` as it stands in /metrics before the suffixes of histograms; times in seconds, sizes in bytes.

    Several processes' values are added up, but for a gauge whose `merge` is `max`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    merge: Literal["sum", "max"] = "sum"

    @property
    def size(self) -> int:
        """How many numbers one series has: a histogram has its buckets, the last without a bound, and its sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


REQUESTS = Family("pymager_requests_total", "counter", "Requests that were answered.", ("route", "method", "status"))
REQUEST_SECONDS = Family(
    "pymager_request_seconds",
    "histogram",
    "Time from a request's head to its answer; of a streamed body, to its end. "
    "The tier is where a derived picture or its 304 came from: memory, bucket or rendered; none for other answers.",
    ("route", "tier"),
    _REQUEST,
)
REQUEST_BYTES = Family("pymager_request_bytes_total", "counter", "Bytes of bodies that came in.", ("route",))
RESPONSE_BYTES = Family("pymager_response_bytes_total", "counter", "Bytes of bodies that went out.", ("route",))
CONNECTIONS = Family("pymager_connections", "gauge", "Open connections of clients.")
JOB_SECONDS = Family(
    "pymager_job_seconds", "histogram", "Time that a job took in its worker: render or inspection.", ("kind",), _JOB
)
JOB_WAIT_SECONDS = Family(
    "pymager_job_wait_seconds", "histogram", "Time that a job waited for a worker.", ("kind",), _JOB
)
JOB_FAILURES = Family(
    "pymager_job_failures_total", "counter", "Jobs that gave no picture, by reason.", ("kind", "reason")
)
JOBS_RUNNING = Family("pymager_jobs_running", "gauge", "Jobs in workers now.", ("kind",))
JOBS_QUEUED = Family("pymager_jobs_queued", "gauge", "Jobs that wait for a worker now.", ("kind",))
WORKERS = Family("pymager_workers", "gauge", "Worker processes: idle, busy, or being started.", ("state",))
WORKER_RESTARTS = Family(
    "pymager_worker_restarts_total", "counter", "Worker processes that ended and were replaced, by reason.", ("reason",)
)
LEASES = Family(
    "pymager_leases_total",
    "counter",
    "Leases of renders: won, waited for, taken over from a holder that is gone, or lost to another.",
    ("outcome",),
)
STORE_SECONDS = Family(
    "pymager_store_seconds",
    "histogram",
    "Time that the blob store or the metadata store took for an operation.",
    ("store", "operation"),
    _STORE,
)
STORE_ERRORS = Family(
    "pymager_store_errors_total",
    "counter",
    "Operations that failed; an answer such as `not found` is none.",
    ("store", "operation", "error"),
)
STORE_BYTES = Family(
    "pymager_store_bytes_total", "counter", "Bytes read from and written to the blob store.", ("direction",)
)
CACHE_BYTES = Family("pymager_memory_cache_bytes", "gauge", "What the memory caches hold.")
MEMORY = Family(
    "pymager_memory_bytes",
    "gauge",
    "Memory of the processes: rss counts shared pages in each, pss shares them out; pss only where it may be read.",
    ("process", "kind"),
)
SWEEPS = Family("pymager_sweeps_total", "counter", "Sweeps of this replica that ended.", ("outcome",))
SWEPT = Family("pymager_swept_total", "counter", "What the sweeps of this replica came upon.", ("what",))
LAST_SWEEP = Family(
    "pymager_last_sweep_timestamp_seconds", "gauge", "When this replica last finished a sweep.", merge="max"
)
SERVER_RESTARTS = Family(
    "pymager_server_restarts_total", "counter", "Server processes that ended by themselves and were replaced."
)
PROCESSES = Family("pymager_processes", "gauge", "Server processes.")
INFO = Family("pymager_info", "gauge", "Always 1; the label tells the version.", ("version",), merge="max")

FAMILIES = (
    REQUESTS,
    REQUEST_SECONDS,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    CONNECTIONS,
    JOB_SECONDS,
    JOB_WAIT_SECONDS,
    JOB_FAILURES,
    JOBS_RUNNING,
    JOBS_QUEUED,
    WORKERS,
    WORKER_RESTARTS,
    LEASES,
    STORE_SECONDS,
    STORE_ERRORS,
    STORE_BYTES,
    CACHE_BYTES,
    MEMORY,
    SWEEPS,
    SWEPT,
    LAST_SWEEP,
    SERVER_RESTARTS,
    PROCESSES,
    INFO,
)
BY_NAME = {family.name: family for family in FAMILIES}
