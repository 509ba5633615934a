"""What the quickstart says and asks."""

import json

import pytest

from dualspan_cli.errors import CommandError
from dualspan_cli.quickstart.box import proposed_id
from dualspan_cli.quickstart.talk import Talk


def test_yes_takes_what_is_proposed() -> None:
    talk = Talk(yes=True, as_json=False)
    assert talk.choose("Go on?", proposed=True)
    assert not talk.choose("Go on?", proposed=False)
    assert talk.ask("Name", "press") == "press"
    talk.agree("Go on?", otherwise="Do it by hand.")


def test_what_cannot_be_proposed_is_missed_in_words() -> None:
    with pytest.raises(CommandError, match="Password") as caught:
        Talk(yes=True, as_json=False).ask("Password of operator", secret=True)
    assert caught.value.reason == "ANSWER_MISSING"


def test_questions_need_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(CommandError) as caught:
        Talk(yes=False, as_json=False).choose("Go on?", proposed=True)
    assert caught.value.reason == "NOBODY_TO_ASK"


def test_a_no_ends_it_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    with pytest.raises(CommandError, match="by hand"):
        Talk(yes=False, as_json=False).agree("Go on?", otherwise="Do it by hand.")


def test_programs_get_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk(yes=False, as_json=True)
    with talk.step("browse", "Browse") as step:
        step.progress("7 nodes")
        step.outcome = "7 nodes"
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["outcome"]) == ("browse", "7 nodes")
    assert line["seconds"] >= 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [("Laptop-3.local", "gateway-laptop-3"), ("ПК", "gateway"), ("x" * 80, "gateway-" + "x" * 32)],
)
def test_a_machines_name_becomes_an_id(monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert proposed_id() == expected
