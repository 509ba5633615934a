"""What can go wrong here, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_analytics.columns import PropertyRef
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, Unavailable

_SHOWN = 5
# Names in an error's metadata, for programs.
_LISTED = 100


def shown(values: Sequence[str]) -> str:
    """The first few of many values, for an error that a person reads."""
    more = len(values) - _SHOWN
    return ", ".join(repr(value[:200]) for value in values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def upstream_failed(service: str) -> Unavailable:
    """Another service of the platform does not answer."""
    return Unavailable(
        "UPSTREAM_UNREACHABLE", f"The {service} service does not answer. Try again shortly.", service=service
    )


def unknown_assets(asset_ids: Sequence[str]) -> NotFound:
    """Assets that the tenant does not have."""
    words = f"There is no asset {shown(asset_ids)}. `dualspan onboarding assets list` shows which there are."
    return NotFound("ASSET_NOT_FOUND", words, assets=",".join(asset_ids[:_LISTED]))


def properties_unknown(refs: Sequence[PropertyRef]) -> NotFound:
    """Properties that the models of their assets do not have."""
    names = [str(ref) for ref in refs]
    words = f"The asset's model has no property {shown(names)}. `dualspan onboarding models show` lists a model's."
    return NotFound("PROPERTY_NOT_FOUND", words, properties=",".join(names[:_LISTED]))


def properties_not_bound(refs: Sequence[PropertyRef]) -> FailedPrecondition:
    """Properties that no tag gives values for."""
    names = [str(ref) for ref in refs]
    words = f"No tag is bound to {shown(names)}. Bind one with `dualspan onboarding assets bind`."
    return FailedPrecondition("PROPERTY_NOT_BOUND", words, properties=",".join(names[:_LISTED]))


def property_is_structured(ref: PropertyRef) -> FailedPrecondition:
    """A property whose tag has arrays or structures, which nothing can be computed of."""
    words = f"The samples of {ref} are arrays or structures. Bind the property to an element or a field instead."
    return FailedPrecondition("PROPERTY_IS_STRUCTURED", words, property=str(ref))


def too_many_samples(most: int) -> ResourceExhausted:
    """More samples than one question may hold in memory."""
    words = f"The question needs more than {most} samples at once. Ask for a shorter time or fewer properties."
    return ResourceExhausted("TOO_MANY_SAMPLES", words, most=str(most))


def reversed_span() -> InvalidArgument:
    """A span that ends before it begins."""
    return InvalidArgument("REVERSED_INTERVAL", "end_time must lie after start_time.")


def unit_unknown(code: str, why: str) -> InvalidArgument:
    """A unit that is no UCUM code, or none that is known here."""
    words = f"{code[:60]!r} is not a unit that is known: {why}. Use a UCUM code, such as Cel, bar, kW.h or {{piece}}/h."
    return InvalidArgument("UNKNOWN_UNIT", words, unit=code[:60])


def units_do_not_fit(have: str, want: str) -> InvalidArgument:
    """Two units that measure different things."""
    if not have or not want:
        whose = f"is without a unit, {want!r} was asked for" if want else f"is in {have!r}, none was asked for"
        words = f"The value {whose}. Ask for the unit that it has."
    else:
        words = f"{have!r} cannot become {want!r}: they measure different things. Ask for a unit that fits {have!r}."
    return InvalidArgument("UNITS_DO_NOT_FIT", words, have=have, want=want)
