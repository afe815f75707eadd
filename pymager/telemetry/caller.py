"""On whose behalf work is done: told where a request comes in, asked where work waits for its turn.

A task that several requests share was made by the first of them, and is on that one's behalf.
"""

from contextvars import ContextVar

CALLER: ContextVar[str] = ContextVar("caller", default="")
