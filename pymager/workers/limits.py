"""What worker processes may use."""

from dataclasses import dataclass

_RENDER_MARGIN = 2.0
"""A render may take so many times what an upload may take: the picture was accepted, and machines are noisy."""
_ESTIMATE_MARGIN = 10.0


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may use: `memory` in bytes of address space, the times for each job.

    `decode_seconds` is the CPU time that the verification of an upload may take. A render may take twice as much, or
    ten times its estimate if that is more, and no job may take more than `cpu_seconds` and `wall_seconds`. After
    `max_jobs` jobs a process is replaced.
    """

    memory: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 30.0
    max_jobs: int = 200
    decode_seconds: float = 5.0

    def for_upload(self) -> float:
        """The CPU time for the verification of an upload: less than for any render of the picture."""
        return min(self.decode_seconds, self.cpu_seconds / _RENDER_MARGIN)

    def for_render(self, expected: float) -> float:
        """The CPU time for a job that is expected to take so much."""
        return min(self.cpu_seconds, max(_RENDER_MARGIN * self.decode_seconds, _ESTIMATE_MARGIN * expected))
