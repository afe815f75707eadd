"""How the server starts as operating-system processes: the first user, the listening socket, the supervisor."""
