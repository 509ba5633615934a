"""Commands that pages teach are ones that there are."""

import re
from typing import Any

import pytest
import typer

from dualspan_cli.main import command_line
from dualspan_console.client_files import FOLDER

_CODE = re.compile(r"<code\s*>\s*(dualspan [^<`]*?)\s*</code", re.DOTALL)
TAUGHT = sorted(
    {
        " ".join(found.split())
        for path in FOLDER.rglob("*.js")
        if "vendor" not in path.parts
        for found in _CODE.findall(path.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("line", TAUGHT)
def test_there_is_the_command_that_a_page_teaches(line: str) -> None:
    words = line.split()[1:]
    # Groups and what is below them; the type of either is typer's own affair.
    found: Any = typer.main.get_command(command_line(words))
    while hasattr(found, "commands"):
        assert words, f"{line} names no command"
        assert words[0] in found.commands, f"{line}: there is no {words[0]}"
        found = found.commands[words.pop(0)]
    options = {name for each in found.params for name in each.opts}
    assert {word for word in words if word.startswith("--")} <= options, line


def test_pages_teach_commands() -> None:
    assert len(TAUGHT) > 3, TAUGHT
