"""What can be wrong with tariffs, factors and meters, in words that say what to do next."""

from dualspan_runtime.errors import InvalidArgument, NotFound


def bad_tariff(why: str) -> InvalidArgument:
    """Something in a tariff is impossible."""
    return InvalidArgument("BAD_TARIFF", f"The tariff is not valid: {why}.")


def bad_factor(why: str) -> InvalidArgument:
    """Something in an emission factor is impossible."""
    return InvalidArgument("BAD_EMISSION_FACTOR", f"The emission factor is not valid: {why}.")


def factor_unknown(region: str, year: int) -> NotFound:
    """Nobody has said what a region emits."""
    return NotFound(
        "EMISSION_FACTOR_NOT_FOUND",
        f"There is no emission factor for {region[:60]!r} in {year} or before. `dualspan analytics energy factors` "
        "lists those that are built in; add your own with its source.",
        region=region[:60],
        year=str(year),
    )


def bad_interval(why: str) -> InvalidArgument:
    """A load profile cannot be cut like this."""
    return InvalidArgument("BAD_INTERVAL", f"The interval cannot be used: {why}.", field="interval")
