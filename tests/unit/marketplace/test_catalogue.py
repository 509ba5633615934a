"""Lives of versions, words to search by, checks, pictures: no I/O."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_manifest import parse
from dualspan_marketplace.catalogue.asking import what_is_new
from dualspan_marketplace.catalogue.checks import LICENCE, PERMISSIONS, Submission, artefacts, read_manifest
from dualspan_marketplace.catalogue.model import (
    Outcome,
    Plan,
    PlanModel,
    PlanState,
    Step,
    VersionName,
    VersionState,
    after,
    is_done,
    possible,
)
from dualspan_marketplace.catalogue.pictures import read_picture
from dualspan_marketplace.catalogue.plans import problems
from dualspan_marketplace.catalogue.signatures import BadKeyError, read_key
from dualspan_marketplace.catalogue.words import index_words, query_words
from harness.marketplace import MANIFEST

CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=8)
ENGLISH = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=16)


@given(st.lists(st.sampled_from(Step), max_size=12))
def test_no_way_leads_around_the_checks_and_the_review(steps: list[Step]) -> None:
    state, way = VersionState.DRAFT, [VersionState.DRAFT]
    for step in steps:
        then = after(state, step)
        if then is None:
            assert step not in possible(state)
            continue
        state = then
        way.append(state)
    for before, then in itertools.pairwise(way):
        if then is VersionState.PUBLISHED:
            assert before is VersionState.IN_REVIEW
        if then is VersionState.IN_REVIEW:
            assert before is VersionState.SUBMITTED
        assert before is not VersionState.WITHDRAWN


@given(st.sampled_from(VersionState), st.sampled_from(Step))
def test_a_step_that_was_done_is_not_possible_again(state: VersionState, step: Step) -> None:
    if is_done(state, step):
        assert after(state, step) is None


@given(st.lists(CHINESE | ENGLISH, min_size=1, max_size=6), st.data())
def test_what_is_part_of_a_text_finds_it(runs: list[str], data: st.DataObject) -> None:
    text = " ".join(runs)
    run = data.draw(st.sampled_from(runs))
    if run[0] >= "\u4e00":
        first = data.draw(st.integers(0, len(run) - 1))
        part = run[first : data.draw(st.integers(first + 1, len(run)))]
    else:
        part = run[: data.draw(st.integers(min(3, len(run)), len(run)))]
    assert set(query_words(part)) <= set(index_words([text]))


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("能耗", "车间能耗与碳排放", True),
        ("能碳", "车间能耗与碳排放", False),
        ("ＯＥＥ", "OEE board", True),
        ("energ", "Energy and carbon", True),
        ("nergy", "Energy and carbon", False),
        ("设备OEE", "设备的 OEE", True),
        ("!?", "anything", True),
    ],
)
def test_searches(query: str, text: str, found: bool) -> None:
    assert (set(query_words(query)) <= set(index_words([text]))) is found


def submission(text: str = MANIFEST, **changes: object) -> Submission:
    name = VersionName("acme", "oee-board", "1.2.0")
    return replace(Submission(name, text, None, (), (), "", None), **changes)  # type: ignore[arg-type]


def test_a_manifest_under_another_name_is_refused() -> None:
    found, result = read_manifest(submission(name=VersionName("acme", "other", "1.2.0"), picture_paths=("x.png",)))
    assert result.outcome is Outcome.FAILED
    assert result.findings == (
        "The manifest is of oee-board 1.2.0, and was handed in as other 1.2.0.",
        "x.png was sent, and the manifest does not name it.",
    )
    assert found.manifest is not None


async def test_only_the_platforms_own_apps_are_processes() -> None:
    text = MANIFEST.replace(
        "  docker:\n    image: registry", "  process: {module: oee}\n  docker:\n    image: registry"
    )
    manifest = parse(text)
    assert (await artefacts(["platform"]).run(submission(text), manifest)).outcome is Outcome.FAILED
    assert (await artefacts(["acme"]).run(submission(text), manifest)).outcome is Outcome.PASSED


async def test_what_is_asked_for_is_compared_with_the_version_before() -> None:
    before = parse(MANIFEST)
    now = parse(
        MANIFEST.replace("host: api.example.com", "host: data.example.com")
        .replace("memory: 256Mi", "memory: 1Gi")
        .replace("license: Apache-2.0", "license: LicenseRef-own")
    )
    assert list(what_is_new(before, now)) == [
        "new: reaches data.example.com:443 (Weather)",
        "no more: reaches api.example.com:443 (Weather)",
        "more memory: 1073741824 bytes, was 268435456",
    ]
    told = await LICENCE.run(submission(published=before), now)
    assert told.findings[1] == "The published version is under Apache-2.0."
    first = await PERMISSIONS.run(submission(), before)
    assert "reads good-count of each machine" in first.findings


def test_what_one_role_reads_is_news_for_another() -> None:
    before, second = parse(MANIFEST), parse(MANIFEST.replace("role: machine", "role: line"))
    now = replace(before, requires=(*before.requires, *second.requires))
    assert "new: reads good-count of each line" in list(what_is_new(before, now))


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_refused(pem: str) -> None:
    with pytest.raises(BadKeyError):
        read_key(pem)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff...", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', "image/svg+xml"),
        (b'<?xml version="1.0"?>\n<svg><rect/></svg>', "image/svg+xml"),
        (b"<svg><SCRIPT>alert(1)</SCRIPT></svg>", ""),
        (b'<svg onload="x()"/>', ""),
        (b'<svg><a xlink:href="javascript:x"/></svg>', ""),
        (b"<svg><style>@import url(x)</style></svg>", ""),
        (b'<!DOCTYPE svg [<!ENTITY x "y">]><svg/>', ""),
        (b"<html></html>", ""),
        (b"<svg/>" + b" " * 600_000, ""),
    ],
)
def test_pictures(content: bytes, kind: str) -> None:
    picture, problem = read_picture("p", content)
    assert (picture.media_type if picture else "") == kind
    assert bool(problem) == (not kind)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, ""),
        ({"price_micros": 0}, "plan.price_micros"),
        ({"currency": "yuan"}, "plan.currency"),
        ({"model": PlanModel.FREE}, "plan.price_micros"),
        ({"model": PlanModel.TRIAL, "price_micros": 0, "currency": ""}, "plan.trial_days"),
        ({"trial_days": 3}, "plan.trial_days"),
        ({"name_zh": ""}, "plan.display_name"),
        ({"max_assets": -1}, "plan.max_assets"),
    ],
)
def test_plans(changes: dict[str, object], field: str) -> None:
    plan = Plan("acme", "a", "flat", "Flat", "包月", PlanModel.FLAT, 1, "CNY", 0, 0, PlanState.PREPARED)
    found = [each for each, _ in problems(replace(plan, **changes))]  # type: ignore[arg-type]
    assert found[:1] == ([field] if field else [])
