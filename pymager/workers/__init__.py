"""The pool of worker processes and the queue in front of it: all decoding of untrusted bytes goes through here.

The server's side only: what runs inside a worker process is `pymager.engine`."""
