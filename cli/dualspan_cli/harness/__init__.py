"""A simulated plant behind the platform's own contracts, so that an app runs unchanged without a platform.

Machines are found, and their properties bound, by onboarding's mapping assistant; aggregates are the historian's. There
is no database: every sample is computed when it is asked for.
"""

from dualspan_cli.harness.granting import Fit
from dualspan_cli.harness.server import LocalPlant, local_plant

__all__ = ["Fit", "LocalPlant", "local_plant"]
