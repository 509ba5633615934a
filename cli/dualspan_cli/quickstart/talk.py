"""What the quickstart says and asks: one step after the other, each with the seconds that it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.status import Status

from dualspan_cli.errors import CommandError
from dualspan_cli.output import messages, print_json


class Step:
    """One step while it goes on.

    Attributes:
        outcome: What came of it, in words; said when it is over.
    """

    def __init__(self, status: Status | None, title: str) -> None:
        self.outcome = ""
        self._status = status
        self._title = title

    def progress(self, words: str) -> None:
        """Say how far it is."""
        if self._status is not None:
            self._status.update(f"{self._title}: {words}")


class Talk:
    """The conversation.

    Args:
        yes: Every question is answered with what is proposed.
        as_json: Events as JSON lines; then there are no questions.
    """

    def __init__(self, *, yes: bool, as_json: bool) -> None:
        self._yes = yes or as_json
        self._as_json = as_json
        self._begin = time.monotonic()
        self._paused = 0.0
        self._number = 0

    @property
    def asks(self) -> bool:
        """Whether a person answers."""
        return not self._yes

    @property
    def seconds(self) -> float:
        """Since the beginning, without the time in which a person thought."""
        return time.monotonic() - self._begin - self._paused

    @contextmanager
    def step(self, name: str, title: str) -> Generator[Step]:
        """A step; what it did is said when it is over.

        Args:
            name: A word for programs.
            title: What is being done, for people.
        """
        self._number += 1
        begin = self.seconds
        if self._as_json:
            step = Step(None, title)
            yield step
        else:
            with messages.status(f"{title}…") as status:
                step = Step(status, title)
                yield step
        took = self.seconds - begin
        if self._as_json:
            print_json({"event": name, "seconds": round(took, 2), "outcome": step.outcome})
        else:
            messages.print(
                f"[green]✔[/] [bold]{self._number}. {title}[/] [dim]{took:.1f} s[/]", markup=True, soft_wrap=True
            )
            messages.print(f"     {step.outcome}", markup=False, soft_wrap=True)

    def tell(self, words: str) -> None:
        """Something to know; programs are spared it."""
        if not self._as_json:
            messages.print(f"     {words}", markup=False, soft_wrap=True)

    def agree(self, question: str, *, otherwise: str) -> None:
        """Ask whether to go on.

        Args:
            question: What a person decides.
            otherwise: What to do if not; the quickstart ends with it.

        Raises:
            CommandError: The answer is no.
        """
        if not self.choose(question, proposed=True):
            raise CommandError("DECLINED", otherwise)

    def choose(self, question: str, *, proposed: bool) -> bool:
        """Ask a question whose answers are both fine."""
        if self._yes:
            return proposed
        with self._pause():
            return typer.confirm(question, default=proposed, err=True)

    def ask(self, question: str, proposed: str = "", *, secret: bool = False) -> str:
        """Ask for a text.

        Raises:
            CommandError: Nobody can be asked and nothing is proposed.
        """
        if self._yes:
            if not proposed:
                raise CommandError(
                    "ANSWER_MISSING", f"{question}: say it with an option, or leave out --yes.", exit_code=2
                )
            return proposed
        with self._pause():
            return str(typer.prompt(question, default=proposed or None, hide_input=secret, err=True))

    @contextmanager
    def _pause(self) -> Generator[None]:
        if not sys.stdin.isatty():
            raise CommandError(
                "NOBODY_TO_ASK",
                "There is no terminal to ask questions at. Say --yes to take what is proposed.",
                exit_code=2,
            )
        begin = time.monotonic()
        yield
        self._paused += time.monotonic() - begin
