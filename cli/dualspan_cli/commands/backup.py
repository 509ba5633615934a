"""`dualspan backup`, `restore` and `verify`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from dualspan_cli.commands.options import DataOption, settings_with
from dualspan_cli.errors import CommandError
from dualspan_cli.origins import Origin, origin_of
from dualspan_cli.output import JsonFlag, messages, print_json, print_rows
from dualspan_cli.settings import CliSettings

if TYPE_CHECKING:
    from pyrage import x25519

    from dualspan_cli.backup.repository import Manifest, Repository

EXIT_DAMAGED = 10
_LIST_COLUMNS = ("backup", "finished", "release", "postgres", "size", "stored", "log_until")

backup = typer.Typer(
    help="Copies of the whole platform, encrypted, and the log of what came since.", no_args_is_help=True
)
RepositoryOption = Annotated[
    Path | None,
    typer.Option("--repository", help="Folder that backups are in; DUALSPAN_BACKUP_REPOSITORY if not given."),
]
PhraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Its first line opens the repository; else DUALSPAN_BACKUP_PASSPHRASE."),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key-file", help="The age key that opens the repository; `-`: standard input.")
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--database-url",
        help="PostgreSQL, as a role that may replicate; DUALSPAN_ADMIN_DATABASE_URL, or this machine's platform.",
    ),
]
ProgramsOption = Annotated[
    Path | None, typer.Option("--postgres-bin", help="PostgreSQL's bin folder, if not the built-in one's.")
]
BackupOption = Annotated[str, typer.Option("--backup", help="Which, as `dualspan backup list` names it; the newest.")]


@backup.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="The folder: a disk elsewhere, a mounted share.")],
    passphrase_file: PhraseOption = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file", help="Where to write the private key; `-` prints it. Keep it away from the platform."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a repository: a key pair whose private half only restores and full verifications need."""
    from dualspan_cli.backup.keys import make_lock, read_phrase

    phrase = read_phrase(passphrase_file, CliSettings().backup_passphrase.get_secret_value())
    if (key_file is None) == (not phrase):
        raise CommandError("KEY_NEEDED", "Give either a passphrase or --key-file.", exit_code=2)
    lock = make_lock(folder.absolute(), phrase=phrase, key_file=key_file)
    if as_json and str(key_file) != "-":
        print_json({"repository": str(folder.absolute()), "recipient": lock.recipient})
        return
    where = "was printed" if str(key_file) == "-" else f"is in {key_file}"
    kept = f"The private key {where}." if key_file else "The passphrase opens the private key in it."
    messages.print(
        f"[green]✔[/] {folder} is a repository. {kept} Without it nothing can be restored: keep it elsewhere."
    )


@backup.command("take")
def take(
    repository: RepositoryOption = None,
    database_url: UrlOption = "",
    include: Annotated[
        list[Path] | None,
        typer.Option("--include", help="A file that comes back, too, such as .env. Several are fine."),
    ] = None,
    postgres_bin: ProgramsOption = None,
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Back up the platform while it runs: the database as PostgreSQL copies it, the gateway CA, the secrets."""
    from dualspan_cli.backup.taking import take as take_backup

    settings = settings_with(data)
    origin = _with_files(origin_of(settings, database_url, is_named=data is not None), include or [], postgres_bin)
    found = _repository(settings, repository)
    with _progress(as_json=as_json) as told:
        manifest = asyncio.run(take_backup(found, origin, lambda size, total: told("copy", size, total)))
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    if as_json:
        print_json(_row(found, manifest) | {"seconds": round(seconds, 3)})
    else:
        messages.print(
            f"[green]✔[/] {manifest.backup_id}: {_bytes(manifest.size)} in {seconds:.1f} s, "
            f"{_bytes(manifest.stored_size)} stored. `dualspan verify` looks at it."
        )


@backup.command("list")
def list_backups(repository: RepositoryOption = None, as_json: JsonFlag = False) -> None:
    """Show what a repository has, the oldest first. Needs no key."""
    found = _repository(CliSettings(), repository)
    rows = [_row(found, manifest) for manifest in found.backups()]
    shown = rows if as_json else [row | {name: _bytes(row[name]) for name in ("size", "stored")} for row in rows]
    print_rows(shown, as_json=as_json, columns=_LIST_COLUMNS)


@backup.command("follow")
def follow(
    repository: RepositoryOption = None,
    database_url: UrlOption = "",
    include: Annotated[list[Path] | None, typer.Option("--include", help="As of `take`.")] = None,
    spool: Annotated[
        Path | None, typer.Option("--spool", help="Folder of this machine for the log on its way.")
    ] = None,
    postgres_bin: ProgramsOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the repository has been made, instead of ending.")
    ] = False,
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep the repository up to date until it is stopped: the log as it is written, a backup every so many hours.

    DUALSPAN_BACKUP_EVERY_HOURS and DUALSPAN_BACKUP_KEEP say how often and how many. With the log, any moment since the
    oldest backup can be restored, up to some seconds ago.
    """
    from dualspan_cli.backup.following import Following, keep, until_made
    from dualspan_cli.backup.wal import Stream
    from dualspan_cli.stopping import run_until_stopped
    from dualspan_runtime.logs import configure_logging

    configure_logging("backup", "json" if as_json else "text")
    settings = settings_with(data)
    origin = _with_files(origin_of(settings, database_url, is_named=data is not None), include or [], postgres_bin)
    awaited = (repository or settings.backup_repository) if wait else None
    if awaited is not None and run_until_stopped(until_made(awaited)):
        return
    found = _repository(settings, repository)
    stream = Stream(origin.database_url, spool or settings.data_dir / "backup-spool", programs=postgres_bin)
    run_until_stopped(keep(found, origin, stream, Following(settings.backup_every_hours, settings.backup_keep)))


@backup.command("prune")
def prune(
    keep: Annotated[int, typer.Option("--keep", min=1, help="So many of the newest backups stay.")],
    repository: RepositoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete old backups, and the log from before the oldest that stays."""
    gone = _repository(CliSettings(), repository).prune(keep)
    if as_json:
        print_json({"deleted": gone})
    else:
        messages.print(f"{len(gone)} backups and segments deleted.")


@backup.command("tenant")
def export_tenant(
    tenant: Annotated[str, typer.Argument(help="Its id.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write: acme.tenant.")],
    repository: RepositoryOption = None,
    database_url: UrlOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write all that is one tenant's into a file, encrypted for the repository's key: for another platform."""
    from dualspan_cli.backup.keys import read_lock
    from dualspan_cli.backup.tenants import export_tenant as export

    settings = settings_with(data)
    origin = origin_of(settings, database_url, is_named=data is not None)
    lock = read_lock(_repository(settings, repository).folder).public
    with messages.status("Reading the tenant's rows…"):
        stored = asyncio.run(export(origin.database_url, tenant.removeprefix("tenants/"), out.absolute(), lock))
    if as_json:
        print_json({"file": str(out), "size": stored.size, "stored": stored.stored_size})
    else:
        messages.print(f"[green]✔[/] {out}: {_bytes(stored.size)}, {_bytes(stored.stored_size)} stored.")


@backup.command("import-tenant")
def import_tenant(
    file: Annotated[Path, typer.Argument(help="As `dualspan backup tenant` wrote it.")],
    repository: RepositoryOption = None,
    database_url: UrlOption = "",
    passphrase_file: PhraseOption = None,
    key_file: KeyOption = None,
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a tenant into a platform of the same release that does not have it. All of it or nothing."""
    from dualspan_cli.backup.tenants import import_tenant as take_in

    settings = settings_with(data)
    origin = origin_of(settings, database_url, is_named=data is not None)
    key = _key(_repository(settings, repository), settings, passphrase_file, key_file)
    with messages.status("Writing the tenant's rows…"):
        about = asyncio.run(take_in(origin.database_url, file.absolute(), key))
    if as_json:
        print_json({"tenant": f"tenants/{about.tenant}", "exported_at": about.exported_at})
    else:
        messages.print(f"[green]✔[/] {about.tenant} is here as of {about.exported_at}. Enrol its gateways anew.")


def restore(
    folder: Annotated[
        Path, typer.Argument(help="An empty folder: a data folder for `dualspan up`, or a cluster's place.")
    ],
    repository: RepositoryOption = None,
    which: BackupOption = "",
    until: Annotated[
        str, typer.Option("--to", help="A point in time, 2026-05-04T08:00:00Z or -10m; as far as the log goes.")
    ] = "",
    passphrase_file: PhraseOption = None,
    key_file: KeyOption = None,
    postgres_bin: ProgramsOption = None,
    without_replay: Annotated[
        bool,
        typer.Option(
            "--without-replay",
            help="Leave the log to a PostgreSQL elsewhere: `sh FOLDER/replay.sh`, as its user, with its programs.",
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Restore the platform into an empty folder, as it was at a point in time."""
    from dualspan_cli.backup.restoring import Wish
    from dualspan_cli.backup.restoring import restore as restore_backup

    settings = CliSettings()
    found = _repository(settings, repository)
    key = _key(found, settings, passphrase_file, key_file)
    moment = _moment(until)
    began = time.monotonic()
    with _progress(as_json=as_json) as told:
        wish = Wish(which, moment, postgres_bin, without_replay)
        restored = asyncio.run(restore_backup(found, key, folder.absolute(), wish, told))
    seconds = time.monotonic() - began
    reached = restored.reached.isoformat() if restored.reached else ""
    if as_json:
        print_json(
            {
                "folder": str(folder.absolute()),
                "backup": restored.manifest.backup_id,
                "reached": reached,
                "files": restored.files,
                "seconds": round(seconds, 3),
            }
        )
        return
    last = f", its newest commit of {reached}" if reached else ""
    messages.print(f"[green]✔[/] {restored.manifest.backup_id} is in {folder} after {seconds:.1f} s{last}.")
    messages.print(f"  Files beside the cluster: {', '.join(restored.files)}")
    if without_replay:
        major = restored.manifest.server_version // 10_000
        messages.print(f"  PostgreSQL {major} has yet to replay the log: {folder}/replay.sh has it do so.")
        return
    messages.print(
        f"  On one machine: `dualspan up --data {folder}`. Else {folder}/postgres is PostgreSQL's data folder."
    )


def verify(
    repository: RepositoryOption = None,
    which: BackupOption = "",
    every: Annotated[bool, typer.Option("--all", help="Every backup, not only the newest.")] = False,
    scratch: Annotated[
        Path | None,
        typer.Option("--scratch", help="Restore into this folder, too, start it, prove what is complete, delete it."),
    ] = None,
    passphrase_file: PhraseOption = None,
    key_file: KeyOption = None,
    postgres_bin: ProgramsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look whether backups can be restored. Exit code 10 if one cannot.

    Without a key: that the files are those which were written, and the log has no hole. With one: that all of it
    decrypts, and every file in it is what PostgreSQL copied.
    """
    from dualspan_cli.backup.keys import read_phrase
    from dualspan_cli.backup.verifying import verify as verify_backup

    settings = CliSettings()
    found = _repository(settings, repository)
    has_key = key_file or read_phrase(passphrase_file, settings.backup_passphrase.get_secret_value())
    key = _key(found, settings, passphrase_file, key_file) if has_key else None
    chosen = found.backups() if every else [found.find(which)]
    rows: list[dict[str, Any]] = []
    for manifest in chosen:
        with _progress(as_json=as_json) as told:
            verdict = verify_backup(found, manifest, key, lambda size, of=manifest: told("verify", size, of.size))
        rows.append(
            {
                "backup": manifest.backup_id,
                "decrypted": verdict.decrypted,
                "database_files": verdict.database_files,
                "segments": verdict.segments,
                "log_until": verdict.until,
                "problems": verdict.problems,
            }
        )
    if scratch is not None and not any(row["problems"] for row in rows):
        if key is None:
            raise CommandError("KEY_NEEDED", "Restoring into a scratch folder needs the key.", exit_code=2)
        rows[-1] |= _tried(found, key, chosen[-1], scratch, postgres_bin, as_json=as_json)
    print_rows(
        rows, as_json=as_json, columns=("backup", "decrypted", "database_files", "segments", "log_until", "problems")
    )
    _show_reports(rows, as_json=as_json)
    if any(row["problems"] for row in rows):
        raise typer.Exit(EXIT_DAMAGED)


def _tried(
    found: Repository, key: x25519.Identity, manifest: Manifest, folder: Path, programs: Path | None, *, as_json: bool
) -> Mapping[str, Any]:
    from dualspan_cli.backup.trying import try_restore

    with _progress(as_json=as_json) as told:
        return asyncio.run(try_restore(found, key, manifest, folder.absolute(), programs, told))


def _show_reports(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    reports = [report for row in rows for report in row.get("reports", [])]
    if reports and not as_json:
        print_rows(
            reports, as_json=False, columns=("gateway", "tags", "complete_tags", "received_samples", "from", "to")
        )


def _repository(settings: CliSettings, folder: Path | None) -> Repository:
    from dualspan_cli.backup.keys import read_lock
    from dualspan_cli.backup.repository import Repository

    chosen = folder or settings.backup_repository
    if chosen is None:
        raise CommandError(
            "NO_REPOSITORY", "Say where backups are with --repository or DUALSPAN_BACKUP_REPOSITORY.", exit_code=2
        )
    read_lock(chosen)
    return Repository(chosen.absolute())


def _key(found: Repository, settings: CliSettings, phrase_file: Path | None, key_file: Path | None) -> x25519.Identity:
    from dualspan_cli.backup.keys import open_lock, read_phrase

    phrase = read_phrase(phrase_file, settings.backup_passphrase.get_secret_value())
    return open_lock(found.folder, phrase=phrase, key_file=key_file)


def _with_files(origin: Origin, include: list[Path], programs: Path | None) -> Origin:
    from dualspan_cli.backup.restoring import OWN_NAMES

    for path in include:
        if not path.is_file():
            raise CommandError("NO_SUCH_FILE", f"{path}, of --include, is no file that is there.", exit_code=2)
        if path.name in {*origin.files, *OWN_NAMES} or [each.name for each in include].count(path.name) > 1:
            words = f"Another file comes back as {path.name}: give {path}, of --include, a name of its own."
            raise CommandError("NAME_TAKEN", words, exit_code=2)
    return replace(origin, files={**origin.files, **{path.name: path for path in include}}, programs=programs)


def _moment(text: str) -> datetime | None:
    from dualspan_cli.times import parse_time

    if not text:
        return None
    return datetime.fromtimestamp(parse_time(text, datetime.now(UTC)) / 1e6, UTC)


def _row(found: Repository, manifest: Manifest) -> dict[str, Any]:
    segments = [name for name in found.segments() if not name.endswith(".history")]
    newest = found.segment_file(segments[-1]).stat().st_mtime if segments else 0.0
    until = max(datetime.fromtimestamp(newest, UTC), manifest.finished_at)
    return {
        "backup": manifest.backup_id,
        "finished": manifest.finished_at.isoformat(timespec="seconds"),
        "release": manifest.release,
        "postgres": manifest.server_version // 10_000,
        "size": manifest.size,
        "stored": manifest.stored_size,
        "log_until": until.isoformat(timespec="seconds"),
    }


def _bytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


@contextmanager
def _progress(*, as_json: bool) -> Generator[Callable[[str, int, int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages, disable=as_json, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, size: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], advance=size)

        yield told
