"""What can be seen of a running service: numbers, traces, and whose request a log line belongs to."""
