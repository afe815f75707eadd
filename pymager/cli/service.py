"""The program, and its commands for one server and its stores."""

import sys
from typing import Any

import click

from pymager import __version__
from pymager.cli.running import refuse_where_read_only, run_loop, settings_of
from pymager.errors import BackendError, ConfigurationError, InvalidName
from pymager.names import parse_id
from pymager.settings import sources
from pymager.settings.model import Settings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Program(click.Group):
    """Turns what stops a command into a sentence and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ConfigurationError as error:
            for line in str(error).splitlines():
                click.echo(f"pymager: {line}", err=True)
            context.exit(2)
        except BackendError as error:
            click.echo(f"pymager: {error or type(error).__name__}", err=True)
            context.exit(1)


@click.group(cls=_Program, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="pymager")
@click.option(
    "--config", "config_file", type=click.Path(), help="TOML file with settings; PYMAGER_CONFIG names it too."
)
@click.pass_context
def program(context: click.Context, config_file: str | None) -> None:
    """Keep original pictures and serve resized ones over HTTP."""
    context.obj = {"config": config_file}


@program.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--processes", type=int, help="Server processes that share the port.")
@click.option("--dev", is_flag=True, help="A throwaway folder, fresh at every start, any size, and the user test/test.")
@click.option("--fd", type=int, hidden=True)
@click.option("--board", type=int, hidden=True)
@click.pass_obj
def serve(
    base: dict[str, Any],
    host: str | None,
    port: int | None,
    processes: int | None,
    dev: bool,
    fd: int | None,
    board: int | None,
) -> None:
    """Serve over HTTP until SIGTERM."""
    from pymager.process import serve

    options = base | {"host": host, "port": port, "processes": processes}
    sys.exit(serve.run(options, dev=dev, fd=fd, board=board))


@program.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--prefix", default="", help="Only of ids that begin so. Several sweeps may run at the same time.")
@click.pass_obj
def sweep(base: dict[str, Any], dry_run: bool, prefix: str) -> None:
    """Delete blobs that nothing refers to; safe while the service runs."""
    from pymager.operations import sweep as sweeping

    settings = settings_of(base)
    if not dry_run:
        refuse_where_read_only(settings)
    try:
        prefix = parse_id(prefix) if prefix else ""
    except InvalidName as error:
        raise click.BadParameter(str(error), param_hint="'--prefix'") from None
    on_delete = click.echo if dry_run else _ignore
    report = run_loop(sweeping.sweep(settings, prefix=prefix, dry_run=dry_run, on_delete=on_delete))
    words = ", ".join(f"{count} {name}" for name, count in sweeping.counts(report).items())
    click.echo(f"{'would be swept' if dry_run else 'swept'}: {words}")


@program.command()
@click.pass_obj
def check(base: dict[str, Any]) -> None:
    """Check that every original has its bytes, and that they are the ones that were uploaded."""
    from pymager.operations import check as checking

    checked, findings = run_loop(checking.check(settings_of(base)))
    for finding in findings:
        click.echo(f"{finding.id}: {finding.problem}")
    click.echo(f"{checked} originals checked, {len(findings)} lost or damaged")
    sys.exit(1 if findings else 0)


@program.command()
@click.pass_obj
def init(base: dict[str, Any]) -> None:
    """Make what the stores need: folders, a bucket, a table, the catalog's schema. Again it does nothing."""
    _prepare(base)


@program.command()
@click.pass_obj
def migrate(base: dict[str, Any]) -> None:
    """Bring the catalog's schema up to date, after an update of pymager that asks for it; does what init does."""
    _prepare(base)


@program.command("hash-password")
@click.option("--name", default="admin", show_default=True, help="The user's name.")
def hash_password(name: str) -> None:
    """Make the hash of a password for PYMAGER_USERS; reads it from the terminal or from standard input."""
    from argon2 import PasswordHasher

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not name or ":" in name or any(character.isspace() for character in name):
        raise click.UsageError("a user's name is not empty and has no ':' and no spaces")
    if not password:
        raise click.UsageError("the password must not be empty")
    click.echo(f"{name}:{PasswordHasher().hash(password)}")


@program.command("config")
@click.pass_obj
def show_config(base: dict[str, Any]) -> None:
    """Show every setting in force and where it comes from, secrets masked."""
    loaded = sources.load(base)
    width = max(map(len, Settings.model_fields))
    for name in Settings.model_fields:
        click.echo(f"{name:<{width}}  {sources.shown(loaded.settings, name)}  ({loaded.sources[name]})")


def _prepare(base: dict[str, Any]) -> None:
    from pymager.operations.prepare import prepare

    done = run_loop(prepare(settings_of(base)))
    for line in done or ["nothing to do: everything is up to date"]:
        click.echo(line)


def _ignore(key: str) -> None:
    """Nothing is shown for a key."""
