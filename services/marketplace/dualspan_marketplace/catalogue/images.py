"""Checks of what an app runs: what its chart asks of a cluster, and who has signed the images."""

from collections.abc import Sequence
from typing import Protocol

from dualspan_manifest import Manifest
from dualspan_marketplace.catalogue.checks import Check, Submission
from dualspan_marketplace.catalogue.model import CheckResult, Outcome
from dualspan_marketplace.catalogue.signatures import problem_with
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError

_CHART, _SIGNATURE = "chart", "signature"
_NOT_HERE = "Apps do not run on a cluster here: nobody has looked into its chart."


class Charts(Protocol):
    """Who looks into charts."""

    async def images(self, manifest: Manifest) -> Sequence[str]:
        """By digest, every image that an app's chart names; raises CannotStartError, UnreachableError."""
        ...


def chart(charts: Charts | None) -> Check:
    """That a chart may be installed, as it is rendered with the manifest's values.

    Args:
        charts: None where apps do not run on a cluster.
    """

    async def run(submission: Submission, manifest: Manifest) -> CheckResult:
        del submission  # whoever's it is
        if manifest.run.helm is None:
            return CheckResult(_CHART, Outcome.SKIPPED, ("There is no chart.",))
        if charts is None:
            return CheckResult(_CHART, Outcome.SKIPPED, (_NOT_HERE,))
        try:
            found = await charts.images(manifest)
        except (CannotStartError, UnreachableError) as err:
            return CheckResult(_CHART, Outcome.FAILED, (str(err),))
        return CheckResult(_CHART, Outcome.PASSED, tuple(f"runs {each}" for each in found))

    return Check(_CHART, run)


def signature(charts: Charts | None) -> Check:
    """That the publisher's key has signed the image, the chart, and every image that the chart names.

    Values of a chart stand in the manifest, which nobody signs: whoever has the publisher's account and not the key
    could have a chart that is signed name an image that is not.

    Args:
        charts: None where apps do not run on a cluster.
    """

    async def run(submission: Submission, manifest: Manifest) -> CheckResult:
        helm, image = manifest.run.helm, manifest.run.image
        if not helm and not image:
            return CheckResult(_SIGNATURE, Outcome.SKIPPED, ("There is no image.",))
        if not submission.signing_key:
            finding = "The publisher has no signing key: who runs the image trusts the digest and the review."
            return CheckResult(_SIGNATURE, Outcome.SKIPPED, (finding,))
        named = [image] if image else []
        notes: tuple[str, ...] = ()
        if helm:
            named.append(helm.chart.removeprefix("oci://"))
            try:
                named += await charts.images(manifest) if charts else []
            except (CannotStartError, UnreachableError) as err:
                return CheckResult(_SIGNATURE, Outcome.FAILED, (f"The images of its chart are not known. {err}",))
            notes = () if charts else (_NOT_HERE,)
        problems = tuple(words for each in dict.fromkeys(named) if (words := _problem(each, submission)))
        return CheckResult(_SIGNATURE, Outcome.FAILED if problems else Outcome.PASSED, problems or notes)

    return Check(_SIGNATURE, run)


def _problem(reference: str, submission: Submission) -> str:
    words = problem_with(reference, submission.signatures, submission.signing_key)
    return f"{reference}: {words} " + f"Sign it: cosign sign --key cosign.key {reference}" if words else ""
