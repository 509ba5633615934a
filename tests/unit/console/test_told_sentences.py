"""What services say in sentences without a code has Chinese words: every sentence is looked up in their sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualspan_console.client_files import read_words

ROOT = Path(__file__).parents[3]
ANALYTICS = ROOT / "services/analytics/dualspan_analytics"
ONBOARDING = ROOT / "services/onboarding/dualspan_onboarding"
MARKETPLACE = ROOT / "services/marketplace/dualspan_marketplace"
EDGE = ROOT / "edge/dualspan_edge"
MANIFEST = ROOT / "libs/manifest/dualspan_manifest"
SAID = {
    "notes of energy": [*(ANALYTICS / f"{each}.py" for each in ("energy/metering", "energy/use", "service/energy"))],
    "notes of control charts": [*(ANALYTICS / "spc" / f"{each}.py" for each in ("capability", "charts"))],
    "more notes of control charts": [ANALYTICS / "servicer/spc_mapping.py"],
    "why a KPI has no value": [ANALYTICS / "kpis/ratios.py", ANALYTICS / "service/kpis.py"],
    "why something is proposed": [
        *(ONBOARDING / "mapping" / f"{each}.py" for each in ("machines", "proposals", "companions"))
    ],
    "what checks of a version find": [
        *(MARKETPLACE / "catalogue" / f"{each}.py" for each in ("checks", "images", "signatures", "asking")),
        *(MARKETPLACE / "service" / f"{each}.py" for each in ("trying", "checking")),
        MARKETPLACE / "trials/model.py",
    ],
    "what is wrong with a manifest": [
        *(MANIFEST / f"{each}.py" for each in ("configuration", "document", "explaining", "problems", "rules"))
    ],
    "what a plan warns of": [MARKETPLACE / "usage/limits.py"],
    "what an app lacks": [MARKETPLACE / "bindings/matching.py"],
    "what a test of a connection finds": [EDGE / "diagnosis", EDGE / "trust/judge.py"],
    "what a gateway says of a server": [EDGE / "opcua/words.py"],
    "why data is missing": [
        *(EDGE / f"{each}.py" for each in ("gaps", "buffer", "repair_parts")),
        *(EDGE / "opcua" / f"{each}.py" for each in ("record", "arrivals", "pump", "server", "holes")),
    ],
    "what a search for servers finds": [EDGE / "discovery/finder.py"],
}
# Texts of these that no person is shown, or that are names and not sentences.
NOT_SAID = {
    *("OEE index", "NEE index", "moving range", "standard deviation"),
    *("cosign container image signature", "a trial", "any asset", " and in "),
    # Refusals with a code, made where they are raised.
    *("{} {} is not one that is known.", "State the {}."),
}
_FORMULA = re.compile(r" / | x |%[YHM]")
# As `core/told.js` takes them apart, and where a fact begins.
_SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z{])")
_PLACE = re.compile(r"\{[^{}]*\}")


def template(node: ast.AST) -> str | None:
    """What a literal says, with `{}` where something is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _PLACE.sub("{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value).replace("{", "").replace("}", "") if isinstance(each, ast.Constant) else "{}"
            for each in node.values
        )
    return None


def is_said(node: ast.AST) -> bool:
    """Not docstrings, what is logged, and refusals, which have a code; but a test that stops says why."""
    if isinstance(node, ast.Raise):
        return isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).endswith(".stop")
    if isinstance(node, ast.Call):
        return not ast.unparse(node.func).startswith("_log.")
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a node, without keys, which nobody reads."""
    left_out: list[ast.expr | None] = []
    match node:
        case ast.Dict(keys=keys):
            left_out = keys
        case ast.DictComp(key=key) | ast.Subscript(slice=key):
            left_out = [key]
        case _:
            pass
    yield from (each for each in ast.iter_child_nodes(node) if each not in left_out)


def texts(node: ast.AST) -> Iterator[str]:
    """What the code below a node says."""
    for each in parts(node):
        if not is_said(each):
            continue
        text = template(each)
        if text is not None:
            yield text
        if isinstance(each, ast.JoinedStr):
            for one in each.values:
                if isinstance(one, ast.FormattedValue):
                    yield from texts(one)
        elif text is None:
            yield from texts(each)


def sentences(paths: list[Path]) -> set[str]:
    """What people are told by modules; a word alone is no sentence."""
    files = [file for path in paths for file in ([path] if path.suffix else sorted(path.glob("*.py")))]
    said = {text for file in files for text in texts(ast.parse(file.read_text("utf-8")))}
    found = {part for text in said - NOT_SAID if not _FORMULA.search(text) for part in _SENTENCES.split(text.strip())}
    return {part for part in found if " " in part and len(re.findall(r"[a-z]{2,}", part.replace("{}", ""))) > 0}


WORDS = {
    _PLACE.sub("{}", key.removeprefix("told.")).strip(): (key.removeprefix("told."), pair[1])
    for key, pair in read_words().items()
    if key.startswith("told.")
}


@pytest.mark.parametrize("what", SAID)
def test_every_sentence_has_words(what: str) -> None:
    found = sentences(SAID[what])
    assert found
    assert found - WORDS.keys() == set()


def test_words_have_the_facts_of_the_sentence() -> None:
    for own, said in WORDS.values():
        assert set(re.findall(r"\{(\w+)\}", own)) == set(re.findall(r"\{(\w+)\}", said)), own
        assert len(_SENTENCES.split(own)) == 1, own
