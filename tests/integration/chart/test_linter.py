"""What a policy linter says of each scenario, with everything that can be switched on."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cluster import CHART, run

CHECKOV = shutil.which("checkov")
# A linter that looked at nothing would warn of nothing.
LEAST = 500


@pytest.mark.long
@pytest.mark.skipif(CHECKOV is None, reason="there is no checkov command; `uv tool install checkov` brings its 300 MB")
@pytest.mark.parametrize("scenario", ["air-gapped", "highly-available", "one-node", "trial"])
def test_checkov_warns_of_nothing(helm: str, tmp_path: Path, scenario: str) -> None:
    values = f"{CHART}/scenarios/{scenario}.yaml"
    options = ("--values", values, "--set", "marketplace.kubernetes.enabled=true,networkPolicies.enabled=true")
    (tmp_path / "rendered.yaml").write_text(run(helm, "template", "dualspan", CHART, *options))
    config = Path(CHART).parent / "checkov.yaml"
    asked = [CHECKOV or "", "--config-file", str(config), "--directory", str(tmp_path), "--output", "json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert told["summary"]["passed"] > LEAST
    found = {(each["check_id"], each["check_name"], each["resource"]) for each in told["results"]["failed_checks"]}
    assert found == set()
