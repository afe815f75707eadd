"""The commands for the two stores: `init`, `upgrade`, `check`, `sweep` and `purges`."""

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pymager.cli.group import exit_codes, finish, load_settings, program, require_folder, require_writable, run
from pymager.errors import InvalidName
from pymager.names import parse_id
from pymager.wording import counted

if TYPE_CHECKING:
    from pymager.operations.purges import PendingPurge

_UNAVAILABLE = "a store is unavailable"
_REFUSED = 3  # exit code
_ADVICE = "if the catalog is the right one and complete, run `pymager sweep --force`"


@program.command(epilog=exit_codes(_UNAVAILABLE))
@click.option("--adopt", is_flag=True, help="Pair the two stores although nothing shows that they belong together.")
@click.pass_obj
def init(options: dict[str, Any], adopt: bool) -> None:
    """Create what the stores need: folders, a bucket, tables.

    Run it before the first start if the blob store is a bucket or the metadata store is DynamoDB. Otherwise it is
    optional: a server creates a missing folder, and the tables in an empty SQL database. Safe to run more than once:
    nothing that exists is deleted. An older schema of the catalog is upgraded.

    Both stores get the same random deployment id, unless they already have it. Stores with different ids are refused.
    A store without an id is refused if the blob store has originals and the catalog describes none of them. In this
    case, check the URLs, and then use --adopt to pair the stores.
    """
    from pymager.operations.prepare import prepare

    _print_changes(run(prepare(load_settings(options), adopt=adopt)))


@program.command(epilog=exit_codes(_UNAVAILABLE))
@click.pass_obj
def upgrade(options: dict[str, Any]) -> None:
    """Bring the catalog's schema up to date.

    Run it after an update of pymager if the release notes or an error message say so. Safe to run more than once.
    Unlike `init`, it does not change the blob store.
    """
    from pymager.operations.prepare import upgrade

    _print_changes(run(upgrade(load_settings(options))))


@program.command(
    epilog=exit_codes(
        f"an original is lost or damaged, or cannot be described, or {_UNAVAILABLE}; with --complete "
        "also if the run was stopped"
    )
)
@click.option(
    "--complete",
    is_flag=True,
    help="Check only the originals that have no dominant color and placeholders yet, because an earlier version stored "
    "them, and compute these.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    show_default="twice the number of worker processes",
    help="With --complete: number of originals processed at once.",
)
@click.pass_obj
def check(options: dict[str, Any], complete: bool, jobs: int | None) -> None:
    """Check that every original is stored and undamaged.

    Reads every original, and compares its size and SHA-256 hash with the catalog. Safe to run while servers are
    running. Without --complete, it changes nothing, and starts from the beginning after an interruption; with
    --complete, run the same command again to continue.
    """
    if complete:
        _complete(options, jobs)
    if jobs is not None:
        raise click.UsageError("--jobs needs --complete")
    from pymager.operations.check import check

    settings = load_settings(options)
    require_folder(settings)
    checked, findings = run(check(settings))
    for finding in findings:
        click.echo(f"{finding.id}: {finding.problem}")
    unread = sum(finding.is_unread for finding in findings)
    more = f", {unread} not read" if unread else ""
    click.echo(f"{counted(checked, 'original')} checked, {len(findings) - unread} lost or damaged{more}")
    sys.exit(1 if findings else 0)


def _complete(options: dict[str, Any], jobs: int | None) -> NoReturn:
    from pymager.operations.check import complete
    from pymager.operations.progress import Progress

    settings = load_settings(options)
    require_writable(settings)
    require_folder(settings)
    finish(run(complete(settings, jobs=jobs or 2 * settings.workers, progress=Progress(sys.stderr))))


@program.command(epilog=exit_codes(_UNAVAILABLE, f"{_REFUSED} the sweep refused to delete orphans"))
@click.option("--dry-run", is_flag=True, help="Print the keys of the blobs that a sweep would delete. Delete nothing.")
@click.option("--prefix", metavar="PREFIX", default="", help="Sweep only blobs of ids that start with this prefix.")
@click.option(
    "--force",
    is_flag=True,
    help="Delete orphans although there are too many of them, or the catalog is older than the blob store.",
)
@click.pass_obj
def sweep(options: dict[str, Any], dry_run: bool, prefix: str, force: bool) -> None:
    """Delete orphaned blobs and outdated variants.

    Safe to run while servers or other sweeps are running. If more than PYMAGER_SWEEP_MAX_ORPHAN_PERCENT of the
    originals are orphans, and more than 100 (with --prefix, 10), or if the catalog is older than the blob store, the
    catalog is probably wrong: then no orphan is deleted, and the exit code is 3.
    """
    from pymager.operations.sweep import sweep

    settings = load_settings(options)
    if not dry_run:
        require_writable(settings)
    require_folder(settings)
    try:
        prefix = parse_id(prefix) if prefix else ""
    except InvalidName as error:
        raise click.BadParameter(str(error), param_hint="'--prefix'") from None
    on_delete = click.echo if dry_run else lambda key: None
    report = run(sweep(settings, prefix=prefix, dry_run=dry_run, force=force, on_delete=on_delete))
    click.echo(report.summary(dry_run=dry_run))
    if report.refusal is not None:
        click.echo(f"pymager: no orphan was deleted: {report.refusal}; {_ADVICE}", err=True)
        sys.exit(_REFUSED)


def _print_changes(changes: list[str]) -> None:
    for line in changes or ["nothing to do: everything is up to date"]:
        click.echo(line)


@program.command(epilog=exit_codes(f"a cache did not confirm a purge, or {_UNAVAILABLE}"))
@click.argument("action", type=click.Choice(["list", "retry"]), metavar="list|retry")
@click.option("--json", "as_json", is_flag=True, help="With list: print one JSON object per line.")
@click.pass_obj
def purges(options: dict[str, Any], action: str, as_json: bool) -> None:
    """List or retry the purges of caches.

    A purge makes a cache in front forget an original that was deleted or replaced. `list` prints each pending purge,
    its age, and the caches that still have to confirm it. `retry` sends every purge now to the caches that have not
    confirmed it, even if servers wait before their next attempt. The second delivery, after PYMAGER_PURGE_REPEAT, still
    follows. Servers can run at the same time.
    """
    from pymager.operations.purges import list_purges, retry_purges

    settings = load_settings(options)
    require_folder(settings)
    if action == "retry":
        if as_json:
            raise click.UsageError("--json needs list")
        require_writable(settings)
        retried = run(retry_purges(settings))
        click.echo(retried.summary)
        sys.exit(1 if retried.failed else 0)
    count = run(list_purges(settings, _print_purge_as_json if as_json else _print_purge))
    if not as_json:
        click.echo(f"{counted(count, 'purge')} pending")


def _print_purge(pending: "PendingPurge") -> None:
    from pymager.operations.purges import age_seconds

    purge, missing = pending.purge, ", ".join(pending.missing) or "none"
    attempts = counted(purge.attempts, "more attempt")
    click.echo(f"{purge.id}: {age_seconds(purge)} s old, {attempts}, not confirmed by: {missing}")


def _print_purge_as_json(pending: "PendingPurge") -> None:
    import json

    purge = pending.purge
    content = {
        "id": purge.id,
        "revision": purge.revision,
        "recorded": purge.recorded.isoformat(),
        "due": purge.due.isoformat(),
        "attempts": purge.attempts,
        "missing": list(pending.missing),
    }
    click.echo(json.dumps(content, ensure_ascii=False))
