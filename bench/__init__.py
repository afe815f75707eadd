"""The benchmark: CPU time and latency of a request, pymager beside thumbor."""
