"""A run of tests ends, with all that it started."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.bounded import TOOK_TOO_LONG

TESTS = Path(__file__).resolve().parents[2]

# Bounds what follows it, in a process of its own: all children of the process that bounds are killed.
RUNNER = """
import os, sys
from pathlib import Path
from harness.bounded import adopt_orphans, run_bounded
adopt_orphans()
print("code", run_bounded(sys.argv[2:], Path.cwd(), os.environ, float(sys.argv[1]), 1))
"""
# Leaves a process that holds the standard error, as a crashed worker does.
ORPHAN = "import subprocess; print('pid', subprocess.Popen(['sleep', '300'], start_new_session=True).pid, flush=True)"
CRASH = f"{ORPHAN}; import os; os.kill(os.getpid(), 9)"
# Ends an orphan and waits until nobody is there any more.
REAPED = """
import subprocess, sys, time, psutil
start = "import subprocess; print(subprocess.Popen(['sleep', '300'], stdout=subprocess.DEVNULL).pid)"
left = subprocess.run([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
orphan = psutil.Process(int(left.stdout))
orphan.terminate()
orphan.wait(10)
print("gone")
"""
# Hangs, whatever it is told.
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)"


def bounded(script: str, seconds: float) -> str:
    command = [sys.executable, "-c", RUNNER, str(seconds), sys.executable, "-c", script]
    surroundings = {**os.environ, "PYTHONPATH": str(TESTS)}
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=surroundings, check=True)
    return run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to who asks for them")
def test_what_a_crashed_process_left_behind_is_killed_and_named() -> None:
    printed = bounded(CRASH, 30)
    pid = int(printed.split("pid ")[1].split()[0])
    assert not psutil.pid_exists(pid)
    assert "left behind, and killed: sleep 300" in printed
    assert "code -9" in printed


def test_an_orphan_that_ends_is_gone() -> None:
    assert bounded(REAPED, 30) == "gone\ncode 0\n"


def test_what_takes_too_long_is_interrupted() -> None:
    began = time.monotonic()
    printed = bounded("import time; time.sleep(300)", 1)
    assert f"code {TOOK_TOO_LONG}" in printed
    assert "not done after" in printed
    assert time.monotonic() - began < 30


def test_what_is_deaf_to_an_interruption_is_killed() -> None:
    assert f"code {TOOK_TOO_LONG}" in bounded(DEAF, 1)


def test_what_ends_well_says_nothing() -> None:
    assert bounded("print('done')", 30) == "done\ncode 0\n"
