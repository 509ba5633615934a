"""What can be wrong with KPIs, in words that say what to do next."""

from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound


def bad_profile(why: str) -> InvalidArgument:
    """Something in a machine profile is impossible."""
    return InvalidArgument("BAD_PROFILE", f"The machine profile is not valid: {why}.")


def bad_query(why: str) -> InvalidArgument:
    """A question makes no sense."""
    return InvalidArgument("BAD_KPI_QUERY", f"The question makes no sense: {why}.")


def unknown_kpi(kpi: str) -> NotFound:
    """There is no such KPI."""
    return NotFound("KPI_NOT_FOUND", f"There is no KPI {kpi[:60]!r}. List KPIs to see which there are.", kpi=kpi[:60])


def reserved_kpi(kpi: str) -> InvalidArgument:
    """The name belongs to the standard."""
    return InvalidArgument("KPI_IS_STANDARD", f"{kpi!r} is a KPI of ISO 22400-2 and cannot be changed. Use another id.")


def no_states(asset: str) -> FailedPrecondition:
    """Nothing says what a machine's states are."""
    return FailedPrecondition(
        "NO_MACHINE_PROFILE",
        f"Nothing says how the states of {asset!r} are known. Make a machine profile that names it or its model.",
        asset=asset,
    )


def energy_unit(asset: str, name: str, unit: str) -> FailedPrecondition:
    """A meter does not count energy."""
    return FailedPrecondition(
        "UNIT_DOES_NOT_FIT",
        f"{asset}/{name} is in {unit or 'no unit'}, which is no energy. Name another property, or '-' for none.",
        asset=asset,
        unit=unit,
    )


def not_a_number(asset: str, name: str) -> FailedPrecondition:
    """A counter is text."""
    return FailedPrecondition(
        "NOT_A_COUNTER", f"{asset}/{name} has text for values and cannot be a counter or a rate.", asset=asset
    )
