"""What can be observed of a running service: logs, metrics, traces and timings.

Knows nothing of the code that it observes."""
