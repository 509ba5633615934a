"""Analytics is there soon: it begins without what only some of its answers need."""

import os
import subprocess
import sys

LATER = {"pint", "ruptures", "scipy"}
"""Half of the time that a start took: each is imported by the first answer that needs it."""


def test_what_takes_long_to_import_is_imported_when_it_is_needed() -> None:
    program = "import sys, dualspan_analytics.__main__, dualspan_analytics.tasks; print(*sys.modules)"
    environment = os.environ | {
        "DUALSPAN_SERVICE_SECRET": "a secret of this test alone",
        "DUALSPAN_ANALYTICS_DATABASE_URL": "none",
    }
    begun = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    imported = set(begun.stdout.split())
    assert "dualspan_analytics.spc.capability" in imported
    assert not LATER & imported
