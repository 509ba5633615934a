"""Links of the project's pages lead somewhere, and every guide, decision and contract can be found from them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
FOLDERS = ("bench", "charts", "cli", "docs", "edge", "libs", "plc_sim", "protos", "sdk", "services", "tests")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SERVICE = re.compile(r"^service (\w+) \{", re.MULTILINE)


def pages() -> list[Path]:
    below = (page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))
    kept = (page for page in below if not any(part.startswith(".") or part == "node_modules" for part in page.parts))
    return sorted([*ROOT.glob("*.md"), *kept])


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """What a page links to in the project: the file, and the heading in it or ""."""
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" not in target and not target.startswith("mailto:"):
            path, _, heading = target.partition("#")
            yield ((page.parent / path).resolve() if path else page), heading


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.is_relative_to(ROOT), f"{target} is not of the project"
        assert target.exists(), f"{target.relative_to(ROOT)} is not there"
        if heading:
            found = re.findall(r"^#+ (.+)$", FENCE.sub("", target.read_text()), re.MULTILINE)
            assert heading in {anchor(text) for text in found}, f"{target.relative_to(ROOT)} has no heading {heading}"


def test_there_are_links_to_look_at() -> None:
    assert sum(1 for page in pages() for _ in links(page)) > 30


def test_every_guide_and_decision_is_linked_from_elsewhere() -> None:
    linked = {target for page in pages() for target, _ in links(page) if target != page}
    assert [str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md") if page not in linked] == []


def test_the_readme_leads_to_every_guide() -> None:
    linked = {target for target, _ in links(ROOT / "README.md")}
    assert set((DOCS / "guides").glob("*.md")) <= linked


def test_the_architecture_names_every_contract() -> None:
    text = (DOCS / "architecture.md").read_text()
    contracts = ((contract, SERVICE.findall(contract.read_text())) for contract in (ROOT / "protos").rglob("*.proto"))
    for contract, services in contracts:
        for service in services:
            assert contract.name in text, contract
            assert re.search(rf"\b{service}\b", text), f"{service} of {contract.name}"
