"""What services say with a code has words in the other languages of the console."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dualspan_console.client_files import read_words
from dualspan_edge.opcua import trust_desk, unreachable
from dualspan_onboarding import calendar, fleet, known
from dualspan_runtime import errors

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path for folder in ("services", "libs/runtime") for path in (ROOT / folder).glob("**/dualspan_*/**/*.py")
)
# What makes a domain error, the reason first: its classes, those of services, and their functions.
MAKERS = {
    *(name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DomainError)),
    *("Cancelled", "ChartError", "malformed", "too_many"),
}
# The console's own, whose reason comes after the status.
OVER_HTTP = "Problem"
# What services call the kinds of their notices.
NAMED = {"_KIND", "_NOTICE", "ENDED", "_PENDING", "_DOUBT"}
_MAKING = re.compile(rf"\b({'|'.join({*MAKERS, OVER_HTTP})})\(")
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a module that makes errors, with the last name of what they call."""
    text = path.read_text("utf-8")
    if not _MAKING.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = node.func
            yield called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""), node


def codes_in(node: ast.expr) -> set[str]:
    """The codes that an argument can be; of a choice, both."""
    texts = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {text for text in texts if _CODE.fullmatch(text)}


def test_every_reason_has_words() -> None:
    found = {
        code
        for path in SOURCES
        for name, call in calls(path)
        if name in MAKERS or (name == OVER_HTTP and "dualspan_console" in path.parts)
        for argument in call.args[name == OVER_HTTP :][:1]
        for code in codes_in(argument)
    }
    words = {key.removeprefix("reason.") for key in read_words() if key.startswith("reason.")}
    assert len(found) > 300
    assert found - words == set()


def test_every_kind_of_notice_has_words_and_what_to_do() -> None:
    constants = {
        code
        for path in (ROOT / "services/onboarding/dualspan_onboarding/service").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).strip("()").split(",")[0] in NAMED
        for code in codes_in(node.value)
    }
    kinds = {
        *constants,
        *calendar.KINDS.values(),
        *(known.CHANGED, known.WAITING, known.DOUBTFUL),
        *(trust_desk.REFUSED, trust_desk.UPCOMING, unreachable.KIND),
    }
    words = read_words()
    assert len(kinds) >= 16
    assert {f"notice.{kind}{what}" for kind in kinds for what in ("", "_todo")} - words.keys() == set()


def test_every_concern_about_a_gateway_has_words() -> None:
    tree = ast.parse(Path(fleet.__file__).read_text("utf-8"))
    made = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == "Concern"]
    kinds = {code for each in made for code in codes_in(each.args[0])}
    kinds |= {each.name for each in fleet.GatewayEnd} - {"NONE", "STOPPED"}
    assert len(kinds) >= 13
    assert {f"concern.{kind}" for kind in kinds} - read_words().keys() == set()
