"""What can go wrong with exports."""

from dualspan_runtime.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, Unavailable


def bad_export(field: str, why: str) -> InvalidArgument:
    """An export that says something impossible."""
    return InvalidArgument("BAD_EXPORT", f"{field} of the export: {why}.", field=field)


def export_not_found(export_id: str) -> NotFound:
    """No export of that id."""
    words = f"There is no export {export_id[:60]!r}. `dualspan analytics export list` shows which there are."
    return NotFound("EXPORT_NOT_FOUND", words)


def no_folder() -> FailedPrecondition:
    """The platform has no folder for exports."""
    words = (
        "The platform has no folder for exports. Its administrator sets DUALSPAN_ANALYTICS_EXPORT_FOLDER for the "
        "service and its worker; or export to a bucket."
    )
    return FailedPrecondition("NO_EXPORT_FOLDER", words)


def folder_full(most: int) -> FailedPrecondition:
    """The tenant's exports fill their part of the platform's folder."""
    words = (
        f"The exports of this enterprise may have {most / 2**30:,.1f} GiB in the platform's folder, and do. Export to "
        "a bucket, or let the platform's administrator remove what nobody needs from the folder or raise "
        "DUALSPAN_ANALYTICS_EXPORT_FOLDER_GIBIBYTES."
    )
    return FailedPrecondition("EXPORT_FOLDER_FULL", words)


def secret_missing() -> InvalidArgument:
    """A bucket without a secret key."""
    return bad_export("bucket.secret_access_key", "it is needed when the bucket, its server or the key is a new one")


def secret_unreadable() -> FailedPrecondition:
    """A sealed secret that does not open any more."""
    words = "The bucket's secret key cannot be opened, since the platform's secret has changed. Give the key again."
    return FailedPrecondition("EXPORT_SECRET_UNREADABLE", words)


def destination_refused(where: str, why: str) -> FailedPrecondition:
    """Where the files should go does not take them."""
    words = f"{where} does not take the files: {why[:300]}. Check that it exists and that the key may write there."
    return FailedPrecondition("EXPORT_DESTINATION_REFUSED", words, destination=where)


def destination_unreachable(where: str, why: str) -> Unavailable:
    """Where the files should go does not answer."""
    words = f"{where} does not answer: {why[:300]}. The export goes on by itself when it does."
    return Unavailable("EXPORT_DESTINATION_UNREACHABLE", words, destination=where)


def taken_over() -> Aborted:
    """Another worker has the run now."""
    return Aborted("EXPORT_TAKEN_OVER", "Another worker goes on with this run.")


def given_up(attempts: int, why: str) -> Unavailable:
    """It failed too often without getting anywhere."""
    words = f"Given up after {attempts} attempts without a step forward: {why[:300]} Run it again once that is mended."
    return Unavailable("EXPORT_GIVEN_UP", words)


def cancelled() -> Aborted:
    """Somebody asked for the run to stop."""
    return Aborted("EXPORT_CANCELLED", "The run was stopped. What it wrote stays; the next run goes on from there.")
