"""The commands that go over many pictures, and go on where they stopped."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pymager.cli.running import refuse_where_read_only, run_loop, settings_of
from pymager.cli.service import program
from pymager.settings.model import Settings

if TYPE_CHECKING:
    from pymager.operations.report import Report


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
    from pymager.operations import copy_stores

    settings = settings_of(base)
    copying = copy_stores.migrate_blobs(
        settings, source, target, jobs=jobs, originals_only=originals_only, verify=verify
    )
    _tell(run_loop(copying))


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
    from pymager.operations import copy_stores

    settings_of(base)
    _tell(run_loop(copy_stores.migrate_metadata(source, target, jobs=jobs)))


@program.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 64), help="Files at a time.  [default: as many as there are workers]")
@click.pass_obj
def import_folder(base: dict[str, Any], folder: Path, jobs: int | None) -> None:
    """Keep every picture below FOLDER as an original; run again to go on where it stopped."""
    from pymager.operations import import_folder

    settings = settings_of(base)
    refuse_where_read_only(settings)
    summary = run_loop(import_folder.import_folder(settings, folder, jobs or settings.workers))
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
    from pymager.operations import warm

    if file is not None and (prefix or resume):
        raise click.UsageError("--from names the originals; --prefix and --resume are for the listing")
    settings = settings_of(base)
    wanted = warm.Wanted(_list(sizes) or _listed_sizes(settings), _list(formats))
    at_once = jobs or max(8, 2 * settings.workers)
    if file is not None:
        work = warm.warm_named(settings, wanted, jobs=at_once, file=file)
    else:
        work = warm.warm_listed(settings, wanted, jobs=at_once, prefix=prefix, resume=resume)
    report = run_loop(work)
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


def _tell(report: "Report") -> None:
    if not report.seen and report.stopped is None:
        click.echo("FROM has nothing to copy: is it the right store?", err=True)
    if report.stopped is not None:
        click.echo(f"{report.stopped}; run again to go on", err=True)
    click.echo(report.told())
    sys.exit(0 if report.is_whole else 1)
