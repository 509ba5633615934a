"""What is checked of a submission, in order.

A check is a name and a function from a submission to a result. The registry is a tuple that the composition root
makes: what needs a network or a sandbox is added there, after those that need neither.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from dualspan_manifest import InvalidManifestError, Manifest, parse
from dualspan_marketplace.catalogue.asking import what_is_new
from dualspan_marketplace.catalogue.model import CheckResult, Outcome, Signature, VersionName


@dataclass(frozen=True, slots=True)
class Submission:
    """What a publisher handed in.

    Attributes:
        manifest_text: As it was written.
        manifest: What the first check read of it; None before that.
        picture_paths: Of the pictures that came with it.
        signing_key: The publisher's, PEM; empty if there is none.
        published: The manifest of the app's newest published version; None for a new app.
        operation: Of this submission: the next one of the same version has another.
    """

    name: VersionName
    manifest_text: str
    manifest: Manifest | None
    picture_paths: tuple[str, ...]
    signatures: tuple[Signature, ...]
    signing_key: str
    published: Manifest | None
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: As the contract and people call it.
        run: Finds out. It is given a manifest that was read. A result without an outcome says that it goes on: whoever
            ends it asks for the checks again.
        after_the_others: It is run only of what all others have let pass.
    """

    name: str
    run: Callable[[Submission, Manifest], Awaitable[CheckResult]]
    after_the_others: bool = False


MANIFEST = "manifest"


def read_manifest(submission: Submission) -> tuple[Submission, CheckResult]:
    """The submission with its manifest, and what is wrong with that: without a manifest nothing else can be checked."""
    try:
        manifest = parse(submission.manifest_text)
    except InvalidManifestError as err:
        return submission, CheckResult(MANIFEST, Outcome.FAILED, tuple(map(str, err.problems)))
    findings: list[str] = []
    if (manifest.id, manifest.version) != (submission.name.app_id, submission.name.version):
        wanted = f"{submission.name.app_id} {submission.name.version}"
        findings.append(f"The manifest is of {manifest.id} {manifest.version}, and was handed in as {wanted}.")
    named = {path for path in (manifest.icon, *manifest.screenshots) if path}
    findings += [
        f"The manifest names {path}, which was not sent." for path in sorted(named.difference(submission.picture_paths))
    ]
    findings += [
        f"{path} was sent, and the manifest does not name it." for path in sorted(set(submission.picture_paths) - named)
    ]
    outcome = Outcome.FAILED if findings else Outcome.PASSED
    return replace(submission, manifest=manifest), CheckResult(MANIFEST, outcome, tuple(findings))


def artefacts(process_publishers: Sequence[str]) -> Check:
    """That all that runs is named by digest, and that local processes are those of who runs the platform."""

    async def run(submission: Submission, manifest: Manifest) -> CheckResult:
        runs = manifest.run
        if runs.module and submission.name.tenant not in process_publishers:
            finding = "Only those who run the platform publish local processes. Hand in an image or a chart."
            return CheckResult("artefacts", Outcome.FAILED, (finding,))
        found = [runs.image, runs.helm.chart if runs.helm else "", f"module {runs.module}" if runs.module else ""]
        return CheckResult("artefacts", Outcome.PASSED, tuple(each for each in found if each))

    return Check("artefacts", run)


async def _licence(submission: Submission, manifest: Manifest) -> CheckResult:
    own = "LicenseRef-" in manifest.license
    findings = (f"{manifest.license} is the publisher's own: read it.",) if own else (manifest.license,)
    if submission.published and submission.published.license != manifest.license:
        findings = (*findings, f"The published version is under {submission.published.license}.")
    return CheckResult("licence", Outcome.PASSED, findings)


async def _permissions(submission: Submission, manifest: Manifest) -> CheckResult:
    return CheckResult("permissions", Outcome.PASSED, tuple(what_is_new(submission.published, manifest)))


LICENCE = Check("licence", _licence)
PERMISSIONS = Check("permissions", _permissions)
