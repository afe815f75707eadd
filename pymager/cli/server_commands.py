"""The commands `serve`, `config`, `hash-password` and `sign`."""

import re
import sys
from contextlib import suppress
from typing import Any

import click

from pymager.cli.group import exit_codes, load_settings, program
from pymager.errors import ConfigurationError, PymagerError
from pymager.imports import uncollected

_DURATION = re.compile(r"([1-9][0-9]{0,9})([smhd])", re.ASCII)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MAX_DURATION_SECONDS = 100 * 365 * 86_400


def _seconds(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A number with a unit, such as `15m`, in seconds."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    seconds = int(match[1]) * _UNIT_SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _MAX_DURATION_SECONDS:
        raise click.BadParameter(f"must be a time of at most 100 years, such as 90s, 15m, 1h or 7d, got {value!r}")
    return seconds


@program.command(epilog=exit_codes("the server, or one of its processes, ended with an error"))
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [env var: PYMAGER_HOST]")
@click.option("--port", type=int, help="Port to listen on; 0 chooses a free port.  [env var: PYMAGER_PORT]")
@click.option("--processes", type=int, help="Number of server processes.  [env var: PYMAGER_PROCESSES]")
@click.option(
    "--dev",
    is_flag=True,
    help="Development mode: temporary data folder, any size and option, user `test` with password `test`.",
)
@click.option("--listen-fd", type=int, hidden=True)
@click.option("--metrics-fd", type=int, hidden=True)
@click.pass_obj
def serve(
    options: dict[str, Any],
    host: str | None,
    port: int | None,
    processes: int | None,
    dev: bool,
    listen_fd: int | None,
    metrics_fd: int | None,
) -> None:
    """Run the HTTP server until SIGTERM or SIGINT.

    Running requests get PYMAGER_SHUTDOWN_TIMEOUT to finish before the server stops.
    """
    with uncollected():
        from pymager.process import serve

    given = options | {"host": host, "port": port, "processes": processes}
    sys.exit(serve.run(given, click.echo, dev=dev, listen_fd=listen_fd, metrics_fd=metrics_fd))


@program.command("config", epilog="Exit codes: 0 success; 2 wrong usage or configuration.")
@click.pass_obj
def show_config(options: dict[str, Any]) -> None:
    """Print every setting, its value and its source.

    Secrets are masked. The source is the name of an environment variable, the path of a file, or `default`. The last
    lines say who the first user is, if the server has created one, and what confines worker processes on this system.
    Also checks the URLs of the stores, caches and purgers, but does not connect to them.
    """
    from pymager import composition
    from pymager.process import first_user
    from pymager.sandbox import confinement
    from pymager.settings import sources
    from pymager.settings.model import Settings

    loaded = sources.load(options)
    width = max(map(len, Settings.model_fields))
    for name in Settings.model_fields:
        click.echo(f"{name:<{width}}  {sources.shown(loaded.settings, name)}  ({loaded.sources[name]})")
    settings = loaded.settings
    if settings.folder is not None and not settings.users and not settings.tokens:
        with suppress(OSError):  # there is none, or its file belongs to another user of the system
            click.echo(f"first user: {first_user.stored(settings.folder).name}  ({settings.folder / first_user.FILE})")
    click.echo(f"sandbox in force: {confinement.chosen(settings.sandbox)}")
    composition.check_urls(settings)


@program.command("hash-password", epilog="Exit codes: 0 success; 1 aborted; 2 wrong usage.")
@click.option("--name", metavar="NAME", default="admin", show_default=True, help="Name of the user.")
def print_hash(name: str) -> None:
    """Hash a password for PYMAGER_USERS.

    Reads the password from the terminal, or from standard input if that is not a terminal. Prints `name:hash`.
    """
    from pymager.passwords import hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not name or ":" in name or any(character.isspace() for character in name):
        raise click.BadParameter(f"must not be empty or contain ':' or spaces, got {name!r}", param_hint="'--name'")
    if not password:
        raise click.UsageError("the password must not be empty")
    click.echo(f"{name}:{hash_password(password)}")


@program.command(epilog="Exit codes: 0 success; 2 wrong usage or configuration.")
@click.argument("url", metavar="URL")
@click.option(
    "--expires", metavar="TIME", callback=_seconds, help="Time until the signature expires, such as 1h or 7d."
)
@click.pass_obj
def sign(options: dict[str, Any], url: str, expires: int | None) -> None:
    """Sign the URL of a picture.

    Prints the URL with a signature by the first of PYMAGER_SIGNING_KEYS. URL is the URL of a variant, of an original or
    of /info: a path such as /derived/cat-800x600.jpg, or a whole URL that starts with PYMAGER_PUBLIC_URL. Without
    --expires, the signature is valid until its key is removed. Whoever has the signed URL can use it.
    """
    from pymager.operations.sign import sign

    settings = load_settings(options)
    try:
        click.echo(sign(settings, url, expires))
    except ConfigurationError:
        raise
    except PymagerError as error:
        raise click.BadParameter(str(error), param_hint="'URL'") from None
