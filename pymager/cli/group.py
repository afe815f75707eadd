"""The program itself: its options and exit codes, and functions that all commands use."""

import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from pymager import __version__
from pymager.errors import BackendError, ConfigurationError

if TYPE_CHECKING:  # importing the settings and the log takes longer than to print a help text
    from pymager.operations.report import Report
    from pymager.settings.model import Settings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

T = TypeVar("T")


def exit_codes(failure: str, *others: str) -> str:
    """The last line of a command's help; `failure` is what exit code 1 means, `others` are more codes."""
    return f"Exit codes: {'; '.join(['0 success', f'1 {failure}', '2 wrong usage or configuration', *others])}."


class _Command(click.Command):
    """Says where the options of the program go, to those who give them after the command."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            if error.option_name != "--config":
                raise
            message = f"--config must be before the command: pymager --config FILE {context.info_name}"
            raise click.UsageError(message, context) from None


class _Program(click.Group):
    """Prints errors as sentences and turns them into exit codes."""

    command_class = _Command

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


@click.group(cls=_Program, context_settings=_CONTEXT, epilog=exit_codes("the command failed or found a problem"))
@click.version_option(__version__, prog_name="pymager")
@click.option(
    "--config",
    "config_file",
    type=click.Path(),
    metavar="FILE",
    help="TOML file with settings.  [env var: PYMAGER_CONFIG]",
)
@click.pass_context
def program(context: click.Context, config_file: str | None) -> None:
    """Image server: stores original pictures and serves resized variants over HTTP.

    Settings come from a TOML file, PYMAGER_* environment variables and options. Variables override the file, and
    options override both. `pymager config` prints all settings.
    """
    context.obj = {"config": config_file}


def load_settings(options: dict[str, Any]) -> "Settings":
    """The settings in force; also configures the log. Raises `ConfigurationError`."""
    from pymager.settings import sources
    from pymager.telemetry import logs

    settings = sources.load(options).settings
    logs.configure(settings.log_level, settings.log_format)
    return settings


def require_writable(settings: "Settings") -> None:
    """Raises `ConfigurationError` in read-only mode."""
    if settings.read_only:
        raise ConfigurationError("PYMAGER_READ_ONLY: must be false for this command, which writes to the stores")


def require_folder(settings: "Settings") -> None:
    """Raises `ConfigurationError` if the blobs should be in a folder that does not exist: it is not created here."""
    if settings.folder is not None and not settings.folder.is_dir():
        raise ConfigurationError(
            f"PYMAGER_BLOBS, PYMAGER_DATA: there is no folder {settings.folder}. Correct the setting, or run the "
            "command in the folder in which the server runs; `pymager init` creates a new store"
        )


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run in an event loop."""
    import uvloop

    return uvloop.run(work)


def finish(report: "Report") -> NoReturn:
    """Print the result of a bulk run. Exit with 0 if the run is complete, otherwise with 1."""
    if report.is_empty and not report.may_be_empty:
        click.echo("FROM is empty; check its URL", err=True)
    if report.stopped is not None:
        click.echo(f"{report.stopped}; run the same command again to continue", err=True)
    click.echo(report.summary())
    sys.exit(0 if report.is_complete else 1)
