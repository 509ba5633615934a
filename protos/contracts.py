"""Checks the contracts: their style, and that they break no client of an earlier state.

`python protos/contracts.py --against REVISION` compares with the contracts as git has them at that revision.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIGURATION = HERE / "buf.yaml"
BUF = Path(sys.executable).with_name("buf")


def image_of(root: Path, target: Path) -> Path:
    """Compiles the contracts under `root` into the descriptor image that buf reads."""
    subprocess.run([sys.executable, HERE / "generate.py", "--root", root, "--image", target], check=True)
    return target


def extract(revision: str, target: Path) -> Path | None:
    """Writes the contracts of `revision` under `target`; None where that revision has none, or is not there."""
    archive = subprocess.run(
        ["git", "archive", "--format=zip", revision, "dualspan"], cwd=HERE, capture_output=True, check=False
    )
    if archive.returncode != 0:
        return None
    with zipfile.ZipFile(BytesIO(archive.stdout)) as contents:
        contents.extractall(target)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="HEAD")
    against: str = parser.parse_args().against
    with tempfile.TemporaryDirectory() as scratch:
        now = image_of(HERE, Path(scratch) / "now.binpb")
        found = subprocess.run([BUF, "lint", now, "--config", CONFIGURATION], check=False).returncode
        earlier = extract(against, Path(scratch) / "earlier")
        if earlier is None:
            print(f"contracts.py: no contracts at {against} to compare with")
        else:
            then = image_of(earlier, Path(scratch) / "then.binpb")
            comparison = [BUF, "breaking", now, "--against", then, "--config", CONFIGURATION]
            found |= subprocess.run(comparison, check=False).returncode
    sys.exit(found)


if __name__ == "__main__":
    main()
