"""Where files stand below a destination: Hive partitions, names that begin with "_" for what readers leave out."""

from dualspan_analytics.exports.model import Place

SAMPLES = "samples"
MANIFEST = "_manifest.parquet"


def partition_path(tenant: str, place: Place) -> str:
    """The one file of a partition. Its name never changes, so that a new one takes the place of the old at once."""
    return f"{samples_folder(tenant)}/{place}/samples.parquet"


def samples_folder(tenant: str) -> str:
    """Where a tenant's partitions are."""
    return f"{SAMPLES}/tenant={tenant}"


def assets_path(tenant: str) -> str:
    """What the assets are called and where they stand."""
    return f"assets/tenant={tenant}/assets.parquet"


def properties_path(tenant: str) -> str:
    """What the properties are, and which tags they come from."""
    return f"properties/tenant={tenant}/properties.parquet"
