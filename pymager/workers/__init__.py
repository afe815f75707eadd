"""The pool of worker processes and the queue in front of it: all decoding of untrusted bytes goes through here.

`cost` estimates what a job takes, `queue` shares the processes among kinds of jobs and clients, and `cpu_watch` ends a
job that exceeds its CPU time. This is the server's side only: what runs inside a worker process is `pymager.engine`.
"""
