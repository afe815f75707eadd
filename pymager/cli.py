"""The command line. Exit codes: 0 done, 1 something was found or failed, 2 wrong usage or configuration."""

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pymager import __version__, config, logs
from pymager.config import Loaded, Settings
from pymager.errors import BackendError, BadName, ConfigurationError
from pymager.names import parse_id

if TYPE_CHECKING:
    from pymager.migrating.report import Report

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
    from pymager import serving_process

    options = base | {"host": host, "port": port, "processes": processes}
    sys.exit(serving_process.run(options, dev=dev, fd=fd, board=board))


@program.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--prefix", default="", help="Only of ids that begin so. Several sweeps may run at the same time.")
@click.pass_obj
def sweep(base: dict[str, Any], dry_run: bool, prefix: str) -> None:
    """Delete blobs that nothing refers to; safe while the service runs."""
    from pymager import maintenance

    settings = _settings(base)
    if not dry_run:
        _refuse_where_read_only(settings)
    try:
        prefix = parse_id(prefix) if prefix else ""
    except BadName as error:
        raise click.BadParameter(str(error), param_hint="'--prefix'") from None
    report = _run(maintenance.sweep(settings, prefix=prefix, dry_run=dry_run))
    words = ", ".join(f"{count} {name}" for name, count in report.items())
    click.echo(f"{'would be swept' if dry_run else 'swept'}: {words}")


@program.command()
@click.pass_obj
def check(base: dict[str, Any]) -> None:
    """Check that every original has its bytes, and that they are the ones that were uploaded."""
    from pymager import maintenance

    checked, findings = _run(maintenance.check(_settings(base)))
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


@program.command("migrate-blobs")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Blobs at a time.")
@click.option("--originals-only", is_flag=True, help="Leave derived pictures, which are made again when asked for.")
@click.option("--verify", is_flag=True, help="Compare all bytes also of what is in TO already, not its size alone.")
@click.pass_obj
def migrate_blobs(
    base: dict[str, Any], source: str, target: str, jobs: int, originals_only: bool, verify: bool
) -> None:
    """Copy all blobs from FROM to TO, URLs as in PYMAGER_BLOBS; run again to go on where it stopped.

    TO is prepared if need be. Every blob is read back and compared. What TO has already is left as it is.
    """
    from pymager.migrating import run

    settings = _settings(base)
    copying = run.migrate_blobs(settings, source, target, jobs=jobs, originals_only=originals_only, verify=verify)
    _tell(_run(copying))


@program.command("migrate-metadata")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Rows at a time.")
@click.pass_obj
def migrate_metadata(base: dict[str, Any], source: str, target: str, jobs: int) -> None:
    """Copy all rows from FROM to TO, URLs as in PYMAGER_METADATA; run again to go on where it stopped.

    Nobody may write to either meanwhile. TO is prepared if need be. Every row is read back and compared. What TO has
    already is left as it is; what only TO has is named.
    """
    from pymager.migrating import run

    _settings(base)
    _tell(_run(run.migrate_metadata(source, target, jobs=jobs)))


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
    loaded = config.load(base)
    width = max(map(len, Settings.model_fields))
    for name in Settings.model_fields:
        click.echo(f"{name:<{width}}  {config.shown(loaded.settings, name)}  ({loaded.sources[name]})")


@program.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 64), help="Files at a time.  [default: as many as there are workers]")
@click.pass_obj
def import_folder(base: dict[str, Any], folder: Path, jobs: int | None) -> None:
    """Keep every picture below FOLDER as an original; run again to go on where it stopped."""
    from pymager import importing

    settings = _settings(base)
    _refuse_where_read_only(settings)
    summary = _run(importing.import_folder(settings, folder, jobs or settings.workers))
    for path, reason in summary.refused:
        click.echo(f"{path}: {reason}", err=True)
    click.echo(f"{summary.kept} imported, {summary.known} there already, {len(summary.refused)} refused")
    sys.exit(1 if summary.refused else 0)


@program.command()
@click.option("--sizes", help="As 800x600,100x100.  [default: those of PYMAGER_SIZES]")
@click.option("--formats", default="jpg", show_default=True, help="As jpg,webp: the extensions in the URLs.")
@click.option("--prefix", default="", help="Only of originals whose ids begin so.")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Only of originals named here, an id a line; - is standard input.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Pictures at a time.  [default: twice the workers, at least 8]"
)
@click.option(
    "--resume", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps the place in the list."
)
@click.pass_obj
def warm(
    base: dict[str, Any],
    sizes: str | None,
    formats: str,
    prefix: str,
    file: str | None,
    jobs: int | None,
    resume: Path | None,
) -> None:
    """Make derived pictures before anybody asks for them; run again to go on where it stopped.

    What is there already is not made again, also not by replicas that serve at the same time.
    """
    from pymager import warming

    if file is not None and (prefix or resume):
        raise click.UsageError("--from names the originals; --prefix and --resume are for the listing")
    settings = _settings(base)
    wanted = warming.Wanted(_list(sizes) or _listed_sizes(settings), _list(formats))
    at_once = jobs or max(8, 2 * settings.workers)
    if file is not None:
        work = warming.warm_named(settings, wanted, jobs=at_once, file=file)
    else:
        work = warming.warm_listed(settings, wanted, jobs=at_once, prefix=prefix, resume=resume)
    report = _run(work)
    if report.stopped is not None:
        click.echo(f"{report.stopped}; run again to go on", err=True)
    click.echo(report.told())
    sys.exit(0 if report.is_whole else 1)


def _list(text: str | None) -> list[str]:
    return [word for word in (text or "").replace(",", " ").split() if word]


def _listed_sizes(settings: Settings) -> list[str]:
    if "*" in settings.sizes:
        raise click.UsageError("PYMAGER_SIZES allows any size; name those to be made, as in --sizes 800x600")
    return list(settings.sizes)


def _prepare(base: dict[str, Any]) -> None:
    from pymager import maintenance

    done = _run(maintenance.prepare(_settings(base)))
    for line in done or ["nothing to do: everything is up to date"]:
        click.echo(line)


def _tell(report: "Report") -> None:
    if not report.seen and report.stopped is None:
        click.echo("FROM has nothing to copy: is it the right store?", err=True)
    if report.stopped is not None:
        click.echo(f"{report.stopped}; run again to go on", err=True)
    click.echo(report.told())
    sys.exit(0 if report.is_whole else 1)


def _settings(base: dict[str, Any]) -> Settings:
    loaded: Loaded = config.load(base)
    logs.configure(loaded.settings.log_level, loaded.settings.log_format)
    return loaded.settings


def _refuse_where_read_only(settings: Settings) -> None:
    if settings.read_only:
        raise ConfigurationError("PYMAGER_READ_ONLY: the service is read-only, so this command does nothing")


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(work)
