"""The server as operating-system processes: the first user, the listening socket, the supervisor.

What a process serves is in `pymager.web`; the processes that decode pictures are in `pymager.workers`.
"""
