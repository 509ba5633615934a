"""The user that PostgreSQL runs as, on a machine that does not have it yet."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

AT_ONCE = 6
# Says which user it chose, and which number that user had then.
CHOOSE = """
import pwd, sys
from dualspan_cli import folder
folder._SYSTEM_USER = sys.argv[1]
chosen = folder.system_user()
print(chosen, pwd.getpwnam(chosen).pw_uid)
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("useradd") is None, reason="only root adds users, and needs useradd for it"
)


@pytest.fixture
def stranger() -> Iterator[str]:
    """The name of a user that the machine does not have."""
    name = f"dualspan-{secrets.token_hex(4)}"
    yield name
    subprocess.run(["userdel", name], capture_output=True, check=False)


def test_platforms_that_start_first_and_together_choose_the_same_user(stranger: str) -> None:
    command = [sys.executable, "-c", CHOOSE, stranger]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(AT_ONCE)]
    chosen = {each.communicate(timeout=60)[0].strip() for each in starting}
    assert chosen == {f"{stranger} {pwd.getpwnam(stranger).pw_uid}"}
