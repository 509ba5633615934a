"""Signatures of what apps run, as cosign makes them: of images, of charts, and of the images in charts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dualspan_manifest import HelmChart, Manifest, parse
from dualspan_marketplace.catalogue.checks import Submission
from dualspan_marketplace.catalogue.images import chart, signature
from dualspan_marketplace.catalogue.model import CheckResult, Outcome, Signature, VersionName
from dualspan_marketplace.catalogue.signatures import problem_with
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError
from harness.marketplace import MANIFEST

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
FIRST, SECOND, CHART = (
    f"example.com/{name}@sha256:{digit * 64}" for name, digit in (("a", "1"), ("b", "2"), ("c", "3"))
)
IMAGED = parse(MANIFEST)
CHARTED = replace(IMAGED, run=replace(IMAGED.run, image="", helm=HelmChart(f"oci://{CHART}", {})))


def pem(key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(reference: str, key: ec.EllipticCurvePrivateKey = KEY, named: str = "") -> Signature:
    """What cosign writes for a reference."""
    repository, _, digest = reference.partition("@")
    critical = {
        "identity": {"docker-reference": named or repository},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    return Signature(payload, key.sign(payload, ec.ECDSA(SHA256())))


def submission(*signatures: Signature, key: str = "") -> Submission:
    name = VersionName("acme", "oee-board", "1.2.0")
    return Submission(name, MANIFEST, None, (), signatures, key or pem(), None)


@dataclass(frozen=True)
class Rendered:
    """A chart's images; or why they are not known."""

    found: Sequence[str] = (FIRST, SECOND)
    trouble: Exception | None = None

    async def images(self, manifest: Manifest) -> Sequence[str]:
        assert manifest.run.helm
        if self.trouble:
            raise self.trouble
        return self.found


async def test_an_image_without_a_key_is_not_called_signed() -> None:
    unsigned = replace(submission(), signing_key="")
    assert (await signature(None).run(unsigned, IMAGED)) == CheckResult(
        "signature",
        Outcome.SKIPPED,
        ("The publisher has no signing key: who runs the image trusts the digest and the review.",),
    )


async def test_an_image_is_signed_by_its_publisher() -> None:
    image = IMAGED.run.image
    assert (await signature(None).run(submission(signed(image)), IMAGED)).outcome is Outcome.PASSED
    for wrong in ((), (signed(image, OTHER),), (signed(FIRST),), (signed(image, named="example.com/other"),)):
        found = await signature(None).run(submission(*wrong), IMAGED)
        assert found.outcome is Outcome.FAILED
        assert f"cosign sign --key cosign.key {image}" in found.findings[0]


async def test_a_chart_is_signed_and_every_image_that_it_names() -> None:
    whole = [signed(each) for each in (CHART, FIRST, SECOND)]
    assert (await signature(Rendered()).run(submission(*whole), CHARTED)).outcome is Outcome.PASSED
    for missing, reference in enumerate((CHART, FIRST, SECOND)):
        rest = [each for number, each in enumerate(whole) if number != missing]
        found = await signature(Rendered()).run(submission(*rest), CHARTED)
        assert found.outcome is Outcome.FAILED
        assert [words.partition(": ")[0] for words in found.findings] == [reference]


async def test_an_image_beside_a_chart_is_signed_as_well() -> None:
    both = replace(CHARTED, run=replace(CHARTED.run, image=IMAGED.run.image))
    given = [signed(each) for each in (CHART, FIRST)]
    charts = Rendered([FIRST])
    assert (await signature(charts).run(submission(*given), both)).outcome is Outcome.FAILED
    given.append(signed(IMAGED.run.image))
    assert (await signature(charts).run(submission(*given), both)).outcome is Outcome.PASSED


@pytest.mark.parametrize("trouble", [CannotStartError("It has a ClusterRole."), UnreachableError("No registry.")])
async def test_what_cannot_be_looked_into_is_not_called_signed(trouble: Exception) -> None:
    charts = Rendered(trouble=trouble)
    for check in (signature(charts), chart(charts)):
        found = await check.run(submission(signed(CHART)), CHARTED)
        assert found.outcome is Outcome.FAILED
        assert str(trouble) in found.findings[0]


async def test_what_a_chart_runs_is_told() -> None:
    found = await chart(Rendered()).run(submission(), CHARTED)
    assert found == CheckResult("chart", Outcome.PASSED, (f"runs {FIRST}", f"runs {SECOND}"))
    assert (await chart(Rendered()).run(submission(), IMAGED)).outcome is Outcome.SKIPPED
    assert (await chart(None).run(submission(), CHARTED)).outcome is Outcome.SKIPPED
    without = await signature(None).run(submission(signed(CHART)), CHARTED)
    assert (without.outcome, len(without.findings)) == (Outcome.PASSED, 1)


def test_a_tag_beside_a_digest_says_nothing() -> None:
    digest = "sha256:" + "1" * 64
    for reference, named in (
        (f"example.com/a:1.2@{digest}", "example.com/a"),
        (f"example.com:5000/a@{digest}", "example.com:5000/a"),
        (f"example.com:5000/a:1.2@{digest}", "example.com:5000/a"),
    ):
        assert problem_with(reference, [signed(reference, named=named)], pem()) == ""
        assert "another repository" in problem_with(reference, [signed(reference, named="example.com/b")], pem())


def test_what_is_wrong_with_its_own_signature_comes_before_what_others_are_of() -> None:
    given = [signed(SECOND), signed(FIRST, OTHER)]
    assert "was not made with" in problem_with(FIRST, given, pem())
    assert problem_with(FIRST, [signed(SECOND)], pem()) == "The signature is of another image."
