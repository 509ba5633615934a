"""What the security matrices claim: every requirement has a line, and every test that a line names is there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "docs/security"
_TEST = re.compile(r"`([^`]+)::([^`]+)`")
# What IEC 62443-4-2 has for a software application at security levels 1 and 2. Left out: what begins at level 3, is
# of devices and hosts, and what the standard itself says has no requirement at the level of a component.
IEC = """
CCSC 1, CCSC 3, CR 1.1, CR 1.1 RE 1, CR 1.2, CR 1.3, CR 1.4, CR 1.5, CR 1.7, CR 1.8, CR 1.9, CR 1.10, CR 1.11, CR 1.12,
CR 1.14, CR 2.1, CR 2.1 RE 1, CR 2.1 RE 2, CR 2.2, SAR 2.4, SAR 2.4 RE 1, CR 2.5, CR 2.6, CR 2.8, CR 2.9, CR 2.10,
CR 2.11, CR 2.11 RE 1, CR 2.12, CR 3.1, CR 3.1 RE 1, SAR 3.2, CR 3.3, CR 3.4, CR 3.4 RE 1, CR 3.5, CR 3.6, CR 3.7,
CR 3.8, CR 3.9, CR 4.1, CR 4.2, CR 4.3, CR 5.1, CR 6.1, CR 6.2, CR 7.1, CR 7.1 RE 1, CR 7.2, CR 7.3, CR 7.3 RE 1,
CR 7.4, CR 7.6, CR 7.7, CR 7.8
"""
# How many sections each chapter of ASVS 5.0 has; V17 is one line, because nothing here is WebRTC.
ASVS = (5, 4, 7, 4, 4, 8, 6, 4, 2, 7, 7, 3, 4, 3, 4, 5, 1)
STATES = ("held", "in part", "open", "none", "elsewhere")


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement: its number, its state, what is said of it, the tests."""

    number: str
    state: str
    words: str
    tests: tuple[tuple[str, str], ...]


def lines(page: str) -> list[Line]:
    found: list[Line] = []
    for text in (PAGES / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if text.startswith("|") and len(cells) == 4 and re.match(r"(CR|SAR|CCSC|V)\W?\d", cells[0]):
            state, _, words = cells[2].partition(": ")
            known = next((each for each in STATES if state == each or state.startswith(f"{each} ")), state)
            found.append(Line(cells[0], known, words, tuple(_TEST.findall(cells[3]))))
    return found


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def asvs_sections() -> Iterator[str]:
    for chapter, count in enumerate(ASVS, 1):
        yield from (f"V{chapter}.{section}" for section in range(1, count + 1))


def test_every_requirement_of_the_standards_has_one_line() -> None:
    wanted = [each.strip() for each in IEC.replace("\n", " ").split(",")]
    assert [line.number for line in lines("iec-62443-4-2.md")] == wanted
    assert [line.number for line in lines("asvs.md")] == list(asvs_sections())


@pytest.mark.parametrize("page", ["iec-62443-4-2.md", "asvs.md"])
def test_what_is_claimed_is_shown_by_tests_that_are_there(page: str) -> None:
    wrong: list[str] = []
    for line in lines(page):
        assert line.state in STATES, line
        if line.state in {"held", "in part"} and not line.tests:
            wrong.append(f"{line.number} names no test")
        if line.state in {"in part", "open", "elsewhere"} and not line.words:
            wrong.append(f"{line.number} does not say what is missing")
        for path, name in line.tests:
            if not (ROOT / "tests" / path).exists() or name not in names_in(path):
                wrong.append(f"{line.number}: there is no {path}::{name}")
    assert wrong == []


def test_every_dependency_is_locked_with_its_hash() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    pinned = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "--", "-e"))]
    assert len(pinned) > 50
    assert [line for line in pinned if "==" not in line or "--hash=sha256:" not in line] == []
