"""The two stores of a copy, FROM and TO: opens both and names the argument in their errors."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeVar

from pymager.errors import ConfigurationError, Unavailable
from pymager.ports import BlobStore, MetadataStore

S = TypeVar("S", BlobStore, MetadataStore)


@asynccontextmanager
async def opened_pair(
    load: Callable[[str], S], source_url: str, target_url: str, echo: Callable[[str], None]
) -> AsyncIterator[tuple[S, S]]:
    """The stores of two URLs, open. TO is prepared first, and `echo` gets a line for each thing that this created.

    Raises `ConfigurationError` and `Unavailable`.
    """
    if source_url == target_url:
        raise ConfigurationError("TO: must be another store than FROM")
    with named("FROM"):
        source = load(source_url)
    with named("TO"):
        target = load(target_url)
    async with AsyncExitStack() as stack:
        with named("FROM"):
            await stack.enter_async_context(source)
        with named("TO"):
            for line in await target.prepare():
                echo(f"TO: {line}")
            await stack.enter_async_context(target)
        yield source, target


@contextmanager
def named(argument: str) -> Iterator[None]:
    """Name the argument in errors that are raised inside."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}: {error}") from error
    except Unavailable as error:
        raise Unavailable(f"{argument}: {error}", outcome_known=error.outcome_known) from error
