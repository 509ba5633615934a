"""What the pages promise of each other: links lead somewhere, decisions have one number, everything is listed."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("*/*/README.md"),
    ]
    if "node_modules" not in path.parts and ".venv" not in path.parts
)
DECISIONS = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(path: Path) -> list[str]:
    """Where a page leads to in this tree."""
    found = _LINK.findall(_CODE.sub("", path.read_text("utf-8")))
    return [target.partition("#")[0] for target in found if not target.startswith(("http:", "https:", "mailto:", "#"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


def test_decisions_have_one_number_each_and_are_listed() -> None:
    numbers = Counter(name[:4] for name in DECISIONS)
    assert [number for number, count in numbers.items() if count > 1] == []
    assert [name for name in links(ROOT / "docs/adr/README.md") if name[:1].isdigit()] == DECISIONS


def test_every_guide_is_listed() -> None:
    guides = {f"docs/guides/{path.name}" for path in (ROOT / "docs/guides").glob("*.md")}
    assert guides - set(links(ROOT / "README.md")) == set()


def test_every_contract_is_shown_on_the_map() -> None:
    services = {
        name
        for path in (ROOT / "protos/dualspan").rglob("*.proto")
        for name in re.findall(r"^service (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    assert {name for name in services if name not in page} == set()
