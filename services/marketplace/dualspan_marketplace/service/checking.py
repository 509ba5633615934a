"""Use case of the worker: the checks of a submitted version."""

from collections.abc import Sequence

from dualspan.marketplace.v1 import publishing_pb2
from dualspan_manifest import Manifest, parse
from dualspan_marketplace.catalogue import errors
from dualspan_marketplace.catalogue.checks import MANIFEST, Check, Submission, read_manifest
from dualspan_marketplace.catalogue.model import (
    AppVersion,
    CheckResult,
    Outcome,
    Step,
    VersionName,
    VersionState,
    after,
)
from dualspan_marketplace.catalogue.words import index_words
from dualspan_marketplace.names import APP_VERSION
from dualspan_marketplace.service.publishing import CHECK
from dualspan_marketplace.service.version_messages import check_message, version_message
from dualspan_marketplace.store import publishers, versions
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs

_AT_ONCE = 100


class Checking:
    """Runs checks in their order. They may run twice: a crash is mended by running them again.

    Args:
        database: Where submissions are.
        operations: How they go, for whoever waits.
        jobs: Asks the worker for what was left behind.
        checks: All but the first one, which reads the manifest.
    """

    def __init__(self, database: Database, operations: OperationStore, jobs: Jobs, checks: Sequence[Check]) -> None:
        self._database = database
        self._operations = operations
        self._jobs = jobs
        self._checks = tuple(checks)

    async def sweep(self) -> None:
        """Ask for the checks of all versions that are submitted."""
        async with self._database.platform_transaction() as connection:
            found = await versions.waiting(connection, VersionState.SUBMITTED, _AT_ONCE)
        for each in found:
            await self._jobs.request(CHECK, each.name.tenant, each.name.app_id, each.name.version)

    async def check(self, tenant: str, app_id: str, version: str) -> None:
        """Run the checks of a version, as far as they do not have to be waited for; does nothing to one that is not
        submitted.
        """
        name = VersionName(tenant, app_id, version)
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await versions.find(connection, name)
            if found is None or found.state is not VersionState.SUBMITTED:
                return
            submission = await _submission(connection, found)
        submission, first = read_manifest(submission)
        results = [first]
        manifest = submission.manifest
        if manifest is not None and first.outcome is Outcome.PASSED:
            for each in self._checks:
                await self._tell(found, results)
                result = await _result(each, submission, manifest, results)
                if result.outcome is None:
                    return
                results.append(result)
        await self._conclude(found, manifest, self._all(results))

    def _all(self, results: Sequence[CheckResult]) -> list[CheckResult]:
        """Results of what has run, and the names of what has not."""
        names = (MANIFEST, *(each.name for each in self._checks))
        return [*results, *(CheckResult(name, None) for name in names[len(results) :])]

    async def _tell(self, version: AppVersion, results: Sequence[CheckResult]) -> None:
        async with self._database.transaction(version.name.tenant) as connection:
            metadata = _metadata(version, self._all(results))
            await self._operations.progress(connection, version.name.tenant, version.operation, metadata)

    async def _conclude(self, version: AppVersion, manifest: Manifest | None, results: Sequence[CheckResult]) -> None:
        """Write down what came of it: results, the version's state and the operation's end in one transaction."""
        name, tenant = version.name, version.name.tenant
        failed = [each for each in results if each.outcome is Outcome.FAILED]
        async with self._database.transaction(tenant) as connection:
            now = await versions.find(connection, name, lock=True)
            state = after(now.state, Step.FAIL if failed else Step.PASS) if now else None
            if now is None or state is None or now.operation != version.operation:
                return
            await versions.set_checks(connection, name, results)
            if manifest is not None and not failed:
                await _set_words(connection, name, manifest)
            await versions.set_state(connection, name, state)
            await self._operations.progress(connection, tenant, version.operation, _metadata(version, results))
            if failed:
                findings = [finding for each in failed for finding in each.findings]
                await self._operations.fail(connection, tenant, version.operation, errors.checks_failed(findings))
                return
            ended = await versions.find(connection, name)
            if ended is not None:
                await self._operations.finish(connection, tenant, version.operation, version_message(ended))


async def _result(
    check: Check, submission: Submission, manifest: Manifest, before: Sequence[CheckResult]
) -> CheckResult:
    failed = [each.check for each in before if each.outcome is Outcome.FAILED]
    if check.after_the_others and failed:
        return CheckResult(check.name, Outcome.SKIPPED, (f"Not run, because of the check {failed[0]}.",))
    return await check.run(submission, manifest)


async def _submission(connection: Connection, version: AppVersion) -> Submission:
    name = version.name
    publisher = await publishers.find_publisher(connection, name.tenant)
    published = await versions.published_manifest(connection, name.tenant, name.app_id)
    return Submission(
        name=name,
        manifest_text=version.manifest,
        manifest=None,
        picture_paths=version.picture_paths,
        signatures=version.signatures,
        signing_key=publisher.signing_key if publisher else "",
        published=parse(published) if published else None,
        operation=version.operation,
    )


async def _set_words(connection: Connection, name: VersionName, manifest: Manifest) -> None:
    names = (manifest.names.en, manifest.names.zh, manifest.id)
    texts = (manifest.summary, manifest.description)
    others = (text for both in texts for text in (both.en, both.zh))
    kinds = (*manifest.categories.industries, *manifest.categories.domains)
    await versions.set_words(
        connection,
        name,
        industries=manifest.categories.industries,
        domains=manifest.categories.domains,
        name_words=index_words(names),
        words=index_words((*names, *others, *kinds)),
    )


def _metadata(version: AppVersion, results: Sequence[CheckResult]) -> publishing_pb2.SubmitAppVersionMetadata:
    name = version.name
    metadata = publishing_pb2.SubmitAppVersionMetadata(
        app_version=APP_VERSION.format(tenant=name.tenant, app=name.app_id, version=name.version),
        checks=[check_message(each) for each in results],
    )
    metadata.create_time.FromDatetime(version.state_time)
    return metadata
