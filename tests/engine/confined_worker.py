"""The template of the service's workers, whose jobs also fail if something was to be imported and could not be."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pymager.engine import template
from pymager.engine.import_block import ImportBlock
from pymager.engine.worker import JobHandlers
from pymager.errors import Undecodable


def checked(job: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        try:
            return job(*arguments)
        finally:
            (block,) = (finder for finder in sys.meta_path if isinstance(finder, ImportBlock))
            if block.refused and not block.needs_others():
                refused = ", ".join(block.refused)
                block.refused.clear()
                raise Undecodable(f"not loaded: {refused}")

    return run


def load_handlers(decoders: tuple[str, ...]) -> JobHandlers:
    handlers = template._load_handlers(decoders)
    return replace(handlers, inspect=checked(handlers.inspect), render=checked(handlers.render))


if __name__ == "__main__":
    template.main(load_handlers)
