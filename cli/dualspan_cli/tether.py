"""Runs a command that does not outlive the process which asked for it.

Started as a script, with nothing but the standard library, by `processes.ChildProcess`:

    python -I -S tether.py PARENT_PID SIGNAL USER -- COMMAND ARGUMENT…

It takes the system user's identity (USER may be "-"), asks the kernel for SIGNAL on the parent's death, and becomes
the command. The kernel forgets that wish when a process changes its user, so the user comes first. A helper script
and not `preexec_fn`, because running Python between fork and exec is unsafe once the parent has threads.
"""

import ctypes
import os
import pwd
import sys

_PR_SET_PDEATHSIG = 1


def _take_identity(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([entry.pw_gid])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _die_with(parent: int, death_signal: int) -> None:
    if not sys.platform.startswith("linux"):
        return  # Elsewhere the next start finds what was left and stops it.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit(1)  # The parent died before the wish was placed.


def main() -> None:
    """Becomes the command that the arguments name."""
    parent, death_signal, user, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("usage: tether.py PARENT_PID SIGNAL USER -- COMMAND ARGUMENT…")
    if user != "-":
        _take_identity(user)
    _die_with(int(parent), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the point; no shell is involved


if __name__ == "__main__":
    main()
