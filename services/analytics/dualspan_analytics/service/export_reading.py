"""The samples of one asset in one day, in parts that fit into memory, in order of property and time."""

from collections.abc import AsyncGenerator, Sequence

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.plant_data import PlantData
from dualspan_runtime.errors import FailedPrecondition, ResourceExhausted

# Half of half of a day, down to a second: below that, no limit makes sense.
_SHORTEST_US = 1_000_000


async def samples_of(
    plant: PlantData, tenant: str, refs: Sequence[PropertyRef], start_us: int, end_us: int
) -> AsyncGenerator[tuple[PropertyRef, Series]]:
    """Samples in [start, end), property after property; those of a property that is too large come in parts.

    Properties whose samples are arrays or structures are left out.

    Args:
        plant: Refuses to hold more than it may.
        tenant: Whose.
        refs: In order.
        start_us: µs since the Unix epoch.
        end_us: Not included.
    """
    try:
        found = await plant.read(tenant, refs, start_us, end_us, before=False)
    except (ResourceExhausted, FailedPrecondition) as error:
        parts = _smaller(refs, start_us, end_us, error)
    else:
        parts = ()
        for ref in refs:
            yield ref, found.pop(ref)
    for some, first, last in parts:
        async for each in samples_of(plant, tenant, some, first, last):
            yield each


def _smaller(
    refs: Sequence[PropertyRef], start_us: int, end_us: int, error: ResourceExhausted | FailedPrecondition
) -> Sequence[tuple[Sequence[PropertyRef], int, int]]:
    """Two halves of a question that was refused: of the properties, or else of the time."""
    if error.reason not in {"TOO_MANY_SAMPLES", "PROPERTY_IS_STRUCTURED"}:
        raise error
    if len(refs) > 1:
        half = len(refs) // 2
        return ((refs[:half], start_us, end_us), (refs[half:], start_us, end_us))
    if error.reason == "PROPERTY_IS_STRUCTURED":
        return ()
    middle = (start_us + end_us) // 2
    if middle - start_us < _SHORTEST_US:
        raise error
    return ((refs, start_us, middle), (refs, middle, end_us))
