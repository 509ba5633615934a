import pytest

from dualspan.onboarding.v1.budget_service_pb2 import VendorProfile
from dualspan_cli.commands.onboarding.budget import print_profiles


def test_a_list_of_profiles_says_which_nobody_has_verified(capsys: pytest.CaptureFixture[str]) -> None:
    limits = [VendorProfile.Limit(quantity="sessions", value=10)]
    profiles = [VendorProfile(id="maker-1", limits=limits), VendorProfile(id="maker-2", limits=limits, verified=True)]
    print_profiles(profiles, as_json=False)
    shown = capsys.readouterr()
    ends = {line.split()[0]: line.split()[-1] for line in shown.out.splitlines() if line.startswith(" maker-")}
    assert ends == {"maker-1": "no", "maker-2": "yes"}
    assert "may be wrong" in shown.err
    print_profiles(profiles[1:], as_json=False)
    assert not capsys.readouterr().err
