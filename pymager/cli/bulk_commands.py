"""The commands that process many pictures and continue after an interruption: `import`, `warm`, `copy-*`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pymager.cli.group import exit_codes, finish, load_settings, program, require_folder, require_writable, run

if TYPE_CHECKING:
    from pymager.settings.model import Settings

_MIN_WARM_JOBS = 8
_INTERRUPTED = "the run was stopped, or a store is unavailable"


@program.command("copy-blobs", epilog=exit_codes(f"FROM is empty, a blob failed, {_INTERRUPTED}"))
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of blobs copied at once."
)
@click.option("--originals-only", is_flag=True, help="Skip variants and mezzanines. They are made again on request.")
@click.option("--verify", is_flag=True, help="Compare all bytes of blobs that TO already has, not only their sizes.")
@click.pass_obj
def copy_blobs(
    options: dict[str, Any], source: str, target: str, jobs: int, originals_only: bool, verify: bool
) -> None:
    """Copy all blobs from one blob store to another.

    FROM and TO are URLs as in PYMAGER_BLOBS. TO is prepared as by `pymager init`: a missing folder or bucket is
    created. Every copied blob is read back and compared. Blobs that TO already has are never overwritten. After an
    interruption, run the same command again to continue.
    """
    from pymager.operations.copy_blobs import copy_blobs
    from pymager.operations.progress import Progress

    settings = load_settings(options)
    work = copy_blobs(
        settings,
        source,
        target,
        jobs=jobs,
        originals_only=originals_only,
        verify=verify,
        progress=Progress(sys.stderr),
        echo=click.echo,
    )
    finish(run(work))


@program.command(
    "copy-metadata", epilog=exit_codes(f"FROM is empty, a row failed, TO has rows that FROM does not, {_INTERRUPTED}")
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of rows copied at once.")
@click.pass_obj
def copy_metadata(options: dict[str, Any], source: str, target: str, jobs: int) -> None:
    """Copy all catalog rows from one metadata store to another.

    FROM and TO are URLs as in PYMAGER_METADATA. TO is prepared as by `pymager init`: missing tables are created.
    Create the database itself first; only a SQLite file is created for you. Before you run the command, stop all writes
    to FROM and TO. Every copied row is read back and compared. Rows that TO already has are never overwritten. Rows
    that only TO has are listed. After an interruption, run the same command again to continue.
    """
    from pymager.operations.copy_rows import copy_rows
    from pymager.operations.progress import Progress

    load_settings(options)
    finish(run(copy_rows(source, target, jobs=jobs, progress=Progress(sys.stderr), echo=click.echo)))


@program.command("import", epilog=exit_codes(f"a source failed, {_INTERRUPTED}"))
@click.argument("source", required=False)
@click.option(
    "--list",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="File with the sources instead of SOURCE: CSV with the header id,source, or a JSON object with these "
    "fields on each line; - is standard input.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    show_default="number of worker processes",
    help="Number of sources imported at once.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Checkpoint file. The run writes there what it has imported; the next run does not read these "
    "sources again if they have not changed.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the sources that failed and the reasons, as JSON objects, one per line. The last line has the "
    "counts.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be imported. Reads no picture, and writes only --report."
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="HOST",
    multiple=True,
    help="Allow sources in the list on this host, over http and https: example.org, *.example.org or "
    "example.org:8080. Repeat --allow-host for further hosts.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Time limit in seconds for each attempt to get a source over http or https.",
)
@click.pass_obj
def import_pictures(
    options: dict[str, Any],
    source: str | None,
    list_file: str | None,
    jobs: int | None,
    resume: Path | None,
    report: Path | None,
    dry_run: bool,
    hosts: tuple[str, ...],
    timeout: float,
) -> None:
    """Import pictures from a folder, a bucket or a list.

    SOURCE is a folder, or the URL of a blob store such as s3://BUCKET/PREFIX. Subfolders are included. Ids come from
    paths: `2024/my cat.jpg` becomes `2024-my_cat`. Pictures that are already stored are skipped. After an interruption,
    run the same command again to continue.
    """
    from pymager.operations.importing.run import Order, import_pictures
    from pymager.operations.progress import Progress

    _check_import(source, list_file, resume, dry_run, hosts)
    settings = load_settings(options)
    if not dry_run:
        require_writable(settings)
    order = Order(source, list_file, resume, report, hosts, timeout, dry_run)
    work = import_pictures(
        settings, order, jobs=jobs or settings.workers, progress=Progress(sys.stderr), show=click.echo
    )
    finish(run(work))


def _check_import(
    source: str | None, list_file: str | None, resume: Path | None, dry_run: bool, hosts: tuple[str, ...]
) -> None:
    """Raises `UsageError` for arguments that do not fit together."""
    if (source is None) == (list_file is None):
        raise click.UsageError("import needs either SOURCE or --list")
    if dry_run and resume is not None:
        raise click.UsageError("--dry-run cannot be combined with --resume, which is a file to write")
    if hosts and list_file is None:
        raise click.UsageError("--allow-host needs --list, which names sources over http and https")
    if source is not None and source.lower().startswith(("http:", "https:")):
        raise click.UsageError("SOURCE cannot be a web address; write the addresses of pictures into a file for --list")
    is_path = source is not None and (Path(source).exists() or ":" not in source)
    if source is not None and is_path and not Path(source).is_dir():
        found = "it is a file" if Path(source).exists() else "there is no such folder"
        raise click.UsageError(f"SOURCE must be a folder or the URL of a blob store, got '{source}': {found}")


@program.command(epilog=exit_codes(f"a variant failed, {_INTERRUPTED}"))
@click.option(
    "--sizes",
    metavar="SIZES",
    help="Sizes to render, such as 800x600,800x.  [default: those of PYMAGER_SIZES, or none with --presets]",
)
@click.option(
    "--options",
    "combinations",
    metavar="OPTIONS",
    multiple=True,
    help="Options to combine with each size, such as fit=inside,q=70. Repeat --options for further combinations.",
)
@click.option("--presets", metavar="NAMES", help="Presets to render, such as thumb,hero; * is all of PYMAGER_PRESETS.")
@click.option(
    "--formats",
    metavar="EXTENSIONS",
    default="jpg",
    show_default=True,
    help="Output formats to render, as URL extensions, such as jpg,webp.",
)
@click.option(
    "--prefix", metavar="PREFIX", default="", help="Render only variants of originals whose ids start with this prefix."
)
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="File with the ids of the originals, one per line; - is standard input.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    show_default=f"twice the number of worker processes, at least {_MIN_WARM_JOBS}",
    help="Number of variants processed at once.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Checkpoint file. The run saves its position there; the next run starts at that "
    "position instead of looking up every variant again.",
)
@click.pass_obj
def warm(
    options: dict[str, Any],
    sizes: str | None,
    combinations: tuple[str, ...],
    presets: str | None,
    formats: str,
    prefix: str,
    file: str | None,
    jobs: int | None,
    resume: Path | None,
) -> None:
    """Render variants before clients request them.

    Variants that already exist are skipped. Servers can run at the same time: no variant is rendered twice. After an
    interruption, run the same command again to continue.
    """
    from pymager.operations.progress import Progress
    from pymager.operations.variant_set import VariantSet
    from pymager.operations.warm import warm_catalog, warm_ids

    if file is not None and (prefix or resume):
        raise click.UsageError("--from cannot be combined with --prefix or --resume")
    settings = load_settings(options)
    wanted = VariantSet(
        _sizes(settings, sizes, combinations, presets),
        _listed("--formats", formats, "output formats such as jpg,webp"),
        combinations,
        () if presets is None else _listed("--presets", presets, "names of presets, or * for all"),
    )
    require_folder(settings)
    jobs = jobs or max(_MIN_WARM_JOBS, 2 * settings.workers)
    progress = Progress(sys.stderr)
    if file is not None:
        work = warm_ids(settings, wanted, jobs=jobs, file=file, progress=progress)
    else:
        work = warm_catalog(settings, wanted, jobs=jobs, prefix=prefix, checkpoint_path=resume, progress=progress)
    finish(run(work))


def _sizes(settings: "Settings", sizes: str | None, combinations: tuple[str, ...], presets: str | None) -> list[str]:
    if sizes is not None:
        return _listed("--sizes", sizes, "sizes such as 800x600,800x")
    if presets is None:
        return _configured_sizes(settings)
    if combinations:
        raise click.UsageError("--options applies only to --sizes, because presets have their own; add --sizes")
    return []


def _listed(option: str, text: str, what: str) -> list[str]:
    words = text.replace(",", " ").split()
    if not words:
        raise click.UsageError(f"{option}: must be {what}, got '{text}'")
    return words


def _configured_sizes(settings: "Settings") -> list[str]:
    if "*" in settings.sizes:
        raise click.UsageError("--sizes is required because PYMAGER_SIZES allows any size; example: --sizes 800x600")
    return list(settings.sizes)
