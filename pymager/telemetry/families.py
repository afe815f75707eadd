"""Every metric: its name, its help text and its labels. docs/reference/observability.md has the same table."""

from dataclasses import dataclass
from typing import Literal

_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STORE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_JOB = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: `name` as in /metrics, without the suffixes of histograms; times in seconds, sizes in bytes.

    The values of several processes are added up, except for a gauge whose `merge` is `max`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    merge: Literal["sum", "max"] = "sum"

    @property
    def size(self) -> int:
        """The number of values of one series: a histogram has its buckets, one without a bound, and its sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


REQUESTS = Family("pymager_requests_total", "counter", "Answered requests.", ("route", "method", "status"))
REQUEST_SECONDS = Family(
    "pymager_request_seconds",
    "histogram",
    "Time from the head of a request to the end of its response. "
    "The tier is where a variant or its 304 came from: memory, shared, bucket or rendered; none for other responses.",
    ("route", "tier"),
    _REQUEST,
)
REQUEST_BYTES = Family("pymager_request_bytes_total", "counter", "Bytes of received request bodies.", ("route",))
RESPONSE_BYTES = Family("pymager_response_bytes_total", "counter", "Bytes of sent response bodies.", ("route",))
CONNECTIONS = Family("pymager_connections", "gauge", "Open client connections.")
JOB_SECONDS = Family(
    "pymager_job_seconds",
    "histogram",
    "Time that a job (render, animation or inspection) took in its worker process.",
    ("kind",),
    _JOB,
)
JOB_WAIT_SECONDS = Family(
    "pymager_job_wait_seconds", "histogram", "Time that a job waited for a worker process.", ("kind",), _JOB
)
JOB_FAILURES = Family("pymager_job_failures_total", "counter", "Failed jobs, by reason.", ("kind", "reason"))
JOBS_RUNNING = Family("pymager_jobs_running", "gauge", "Jobs that run now.", ("kind",))
JOBS_QUEUED = Family("pymager_jobs_queued", "gauge", "Jobs that wait for a worker process now.", ("kind",))
LANE_JOBS = Family(
    "pymager_lane_jobs",
    "gauge",
    "Jobs that wait and run now, by lane: expensive if they are expected to take over 0.25 s of CPU time, or cheap.",
    ("lane", "state"),
)
JOB_CPU_SECONDS = Family(
    "pymager_job_cpu_seconds_total",
    "counter",
    "CPU time of jobs: expected before they ran, and taken by them; by the lane in which they were queued first.",
    ("kind", "lane", "what"),
)
WORKERS = Family("pymager_workers", "gauge", "Worker processes that are idle, busy or starting.", ("state",))
WORKER_RESTARTS = Family(
    "pymager_worker_restarts_total", "counter", "Worker processes that were replaced, by reason.", ("reason",)
)
SANDBOX = Family(
    "pymager_sandbox",
    "gauge",
    "What confines worker processes: the version of Landlock's ABI, and 1 for seccomp; 0: not in force.",
    ("mechanism",),
    merge="max",
)
LEASES = Family(
    "pymager_leases_total",
    "counter",
    "Leases of renders: won, waited for, taken over from a holder that is gone, or lost to another holder.",
    ("outcome",),
)
MEZZANINES = Family(
    "pymager_mezzanines_total",
    "counter",
    "Mezzanines that were made, that renders used, that were missing or damaged when a render needed them, or that "
    "could not be made or stored.",
    ("event",),
)
STORE_SECONDS = Family(
    "pymager_store_seconds",
    "histogram",
    "Time that an operation of the blob store, the metadata store or the shared cache took.",
    ("store", "operation"),
    _STORE,
)
STORE_ERRORS = Family(
    "pymager_store_errors_total",
    "counter",
    "Failed operations. An answer such as `not found` is not a failure.",
    ("store", "operation", "error"),
)
STORE_BYTES = Family(
    "pymager_store_bytes_total", "counter", "Bytes read from and written to the blob store.", ("direction",)
)
SHARED_CACHE = Family(
    "pymager_shared_cache_total",
    "counter",
    "Reads of the shared cache (hit, miss, failed, broken, skipped) and writes (stored, not_stored, failed, dropped).",
    ("event",),
)
SHARED_CACHE_BYTES = Family(
    "pymager_shared_cache_bytes_total", "counter", "Bytes read from and written to the shared cache.", ("direction",)
)
SHARED_CACHE_OPEN_CIRCUITS = Family(
    "pymager_shared_cache_open_circuits",
    "gauge",
    "Nodes of the shared cache that are not asked now because they failed, summed over the server processes.",
)
SPOOL_BYTES = Family(
    "pymager_spool_bytes",
    "gauge",
    "Bytes that uploads under way have reserved in the spool, and their limit.",
    ("kind",),
)
CACHE_BYTES = Family("pymager_memory_cache_bytes", "gauge", "Bytes in the memory caches.")
MEMORY = Family(
    "pymager_memory_bytes",
    "gauge",
    "Memory of the processes. rss counts a shared page in every process, pss divides it among them.",
    ("process", "kind"),
)
PASSWORD_CHECKS = Family(
    "pymager_password_checks_total",
    "counter",
    "Verified passwords, right or wrong, and requests refused without a verification. Remembered ones are not counted.",
    ("outcome",),
)
SWEEPS = Family(
    "pymager_sweeps_total", "counter", "Sweeps of this replica by outcome: done, failed or refused.", ("outcome",)
)
SWEPT = Family(
    "pymager_swept_total",
    "counter",
    "Blobs that the sweeps of this replica have found and deleted, by what they are; freed is in bytes.",
    ("what",),
)
LAST_SWEEP = Family(
    "pymager_last_sweep_timestamp_seconds",
    "gauge",
    "When a sweep of this replica last ended, whether it deleted or refused, in Unix time.",
    merge="max",
)
PURGES = Family(
    "pymager_purges_total",
    "counter",
    "Purges that a cache has confirmed (delivered) or not (failed), by its purger. Failed ones are sent again.",
    ("purger", "outcome"),
)
PENDING_PURGES = Family(
    "pymager_purges_pending",
    "gauge",
    "Purges in the outbox: not delivered yet, or waiting for their second delivery.",
    merge="max",
)
OLDEST_PURGE = Family(
    "pymager_purges_oldest_seconds", "gauge", "Age of the oldest purge in the outbox; 0 without one.", merge="max"
)
SERVER_RESTARTS = Family(
    "pymager_server_restarts_total", "counter", "Server processes that ended unexpectedly and were replaced."
)
PROCESSES = Family("pymager_processes", "gauge", "Server processes.")
INFO = Family("pymager_info", "gauge", "Always 1; the label is the version.", ("version",), merge="max")

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
    LANE_JOBS,
    JOB_CPU_SECONDS,
    WORKERS,
    WORKER_RESTARTS,
    SANDBOX,
    LEASES,
    MEZZANINES,
    STORE_SECONDS,
    STORE_ERRORS,
    STORE_BYTES,
    SHARED_CACHE,
    SHARED_CACHE_BYTES,
    SHARED_CACHE_OPEN_CIRCUITS,
    SPOOL_BYTES,
    CACHE_BYTES,
    MEMORY,
    PASSWORD_CHECKS,
    SWEEPS,
    SWEPT,
    LAST_SWEEP,
    PURGES,
    PENDING_PURGES,
    OLDEST_PURGE,
    SERVER_RESTARTS,
    PROCESSES,
    INFO,
)
BY_NAME = {family.name: family for family in FAMILIES}
