"""The two stores of a copy, FROM and TO: opens both and names the argument in their errors."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

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
            _check_exists(source_url)
            await stack.enter_async_context(source)
        with named("TO"):
            for line in await target.prepare():
                echo(f"TO: {line}")
            await stack.enter_async_context(target)
        yield source, target


def _check_exists(url: str) -> None:
    """Raises `ConfigurationError` for a folder or a SQLite file that does not exist: opening the store creates it."""
    scheme, _, rest = url.partition(":")
    path = unquote(rest.partition("?")[0].removeprefix("//"))  # a `#` belongs to the name of a SQLite file
    if scheme.lower() == "file" and not Path(path).is_dir():
        raise ConfigurationError(f"there is no folder {Path(path).absolute()}")
    if scheme.lower() in ("sqlite", "sqlite+pysqlite") and not Path(path[1:]).is_file():
        raise ConfigurationError(f"there is no file {Path(path[1:]).absolute()}")


@contextmanager
def named(argument: str) -> Iterator[None]:
    """Name the argument in errors that are raised inside."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}: {error}") from error
    except Unavailable as error:
        raise Unavailable(f"{argument}: {error}", outcome_known=error.outcome_known) from error
