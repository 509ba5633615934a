"""Use cases of publishers and reviewers."""

import hashlib
from collections.abc import Sequence

from google.longrunning.operations_pb2 import Operation

from dualspan.marketplace.v1 import publishing_pb2
from dualspan_marketplace.catalogue import errors
from dualspan_marketplace.catalogue.model import (
    AppVersion,
    Picture,
    Signature,
    Step,
    VersionName,
    VersionState,
    after,
    is_done,
)
from dualspan_marketplace.names import APP_VERSION
from dualspan_marketplace.store import publishers, versions
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs
from dualspan_standards.semver import Version

CHECK = "marketplace.check_submission"


class Publishing:
    """Versions, from a draft to everybody's catalogue and out of it again.

    Args:
        database: Where they are.
        operations: Submissions, for whoever waits.
        audit: Keeps who did what.
        jobs: Asks the worker.
        checks: The names of the checks, in their order.
    """

    def __init__(
        self, database: Database, operations: OperationStore, audit: Audit, jobs: Jobs, checks: Sequence[str]
    ) -> None:
        self._database = database
        self._operations = operations
        self._audit = audit
        self._jobs = jobs
        self._checks = tuple(checks)

    async def create(
        self, name: VersionName, manifest: str, signatures: Sequence[Signature], pictures: Sequence[Picture]
    ) -> AppVersion:
        """Keep a draft; the same content again changes nothing.

        Raises:
            InvalidArgument: The version is none (`INVALID_FIELD`).
            AlreadyExists: The id is another publisher's (`APP_ID_TAKEN`), or the version is more than a draft and has
                another content (`VERSION_TAKEN`).
        """
        version = Version.parse(name.version)
        if version is None:
            raise errors.invalid("app_version_id", f"{name.version!r} is no version of SemVer 2.0.0, such as 1.0.0.")
        digest = _digest(manifest, signatures, pictures)
        async with self._database.transaction(name.tenant) as connection:
            await versions.lock_app(connection, name.tenant, name.app_id)
            found = await versions.find(connection, name)
            if found is not None and found.content_digest == digest:
                return found
            if found is not None and found.state is not VersionState.DRAFT:
                raise errors.version_taken(name, found.state)
            await versions.put_draft(connection, name, version.sort_key, manifest, digest, signatures, pictures)
            return await self._there(connection, name)

    async def submit(self, name: VersionName) -> Operation:
        """Begin the checks; asked again, the operation of the first time is the answer.

        Raises:
            NotFound: There is no such version.
            FailedPrecondition: Nobody knows who the publisher is (`PUBLISHER_MISSING`).
        """
        async with self._database.transaction(name.tenant) as connection:
            found = await self._there(connection, name, lock=True)
            if found.state is not VersionState.DRAFT:
                return await self._operations.get(connection, found.operation)
            if await publishers.find_publisher(connection, name.tenant) is None:
                raise errors.publisher_missing()
            resource = APP_VERSION.format(tenant=name.tenant, app=name.app_id, version=name.version)
            metadata = publishing_pb2.SubmitAppVersionMetadata(app_version=resource)
            metadata.create_time.GetCurrentTime()
            for check in self._checks:
                metadata.checks.add(check=check)
            operation = await self._operations.create(connection, name.tenant, metadata=metadata, resource=resource)
            await versions.submit(connection, name, operation.name)
        await self._jobs.request(CHECK, name.tenant, name.app_id, name.version)
        return operation

    async def get(self, name: VersionName) -> AppVersion:
        """One version; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await self._there(connection, name)

    async def page(
        self, tenant: str, app_id: str, key: tuple[str, str] | None, limit: int
    ) -> list[tuple[AppVersion, str]]:
        """The tenant's own versions with their sort keys."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await versions.page(connection, tenant, app_id, key, limit)

    async def reviews(self, limit: int) -> list[AppVersion]:
        """Versions of all publishers that wait for a reviewer, the oldest first."""
        async with self._database.platform_transaction() as connection:
            found = await versions.waiting(connection, VersionState.IN_REVIEW, limit)
        return [each for each in found if not each.approver]

    async def review(self, name: VersionName, remark: str, *, approve: bool) -> AppVersion:
        """Approve a version in review, or send it back.

        Raises:
            InvalidArgument: It is sent back without a word.
            FailedPrecondition: It is not in review (`NOT_POSSIBLE_NOW`).
        """
        if not approve and not remark:
            raise errors.invalid("remark", "Say why, so that the publisher knows what to change.")
        async with self._database.transaction(name.tenant) as connection:
            found = await self._there(connection, name, lock=True)
            if found.state is not VersionState.IN_REVIEW:
                raise errors.not_possible(name, found.state, Step.REJECT)
            state = VersionState.IN_REVIEW if approve else VersionState.DRAFT
            approver = current_principal().actor if approve else ""
            await versions.set_state(connection, name, state, approver=approver, remark=remark)
            await self._write(connection, name, "approve" if approve else "reject")
            return await self._there(connection, name)

    async def publish(self, name: VersionName) -> AppVersion:
        """Offer an approved version to everybody.

        Raises:
            FailedPrecondition: It is not in review (`NOT_POSSIBLE_NOW`), or not approved (`NOT_APPROVED`).
        """
        return await self._step(name, Step.PUBLISH)

    async def deprecate(self, name: VersionName) -> AppVersion:
        """Offer a version to nobody new; raises FailedPrecondition `NOT_POSSIBLE_NOW`."""
        return await self._step(name, Step.DEPRECATE)

    async def withdraw(self, name: VersionName, remark: str) -> AppVersion:
        """Say that a version must not run any more; raises FailedPrecondition `NOT_POSSIBLE_NOW`."""
        if not remark:
            raise errors.invalid("remark", "Say why, so that subscribers know.")
        return await self._step(name, Step.WITHDRAW, remark)

    async def _step(self, name: VersionName, step: Step, remark: str = "") -> AppVersion:
        async with self._database.transaction(name.tenant) as connection:
            found = await self._there(connection, name, lock=True)
            if is_done(found.state, step):
                return found
            state = after(found.state, step)
            if state is None:
                raise errors.not_possible(name, found.state, step)
            if step is Step.PUBLISH:
                if not found.approver:
                    raise errors.not_approved(name)
                await publishers.offer(connection, name.tenant, name.app_id)
            await versions.set_state(connection, name, state, remark=remark)
            await self._write(connection, name, step.value)
            return await self._there(connection, name)

    async def _write(self, connection: Connection, name: VersionName, action: str) -> None:
        resource = APP_VERSION.format(tenant=name.tenant, app=name.app_id, version=name.version)
        await self._audit.write(connection, name.tenant, f"marketplace.appVersions.{action}", resource)

    @staticmethod
    async def _there(connection: Connection, name: VersionName, *, lock: bool = False) -> AppVersion:
        found = await versions.find(connection, name, lock=lock)
        if found is None:
            raise errors.version_not_found(name)
        return found


def _digest(manifest: str, signatures: Sequence[Signature], pictures: Sequence[Picture]) -> bytes:
    parts = [manifest.encode()]
    for each in sorted(pictures, key=lambda picture: picture.path):
        parts += [each.path.encode(), each.content]
    for each in signatures:
        parts += [each.payload, each.signature]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()
