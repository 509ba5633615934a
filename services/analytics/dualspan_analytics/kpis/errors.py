"""What can be wrong with KPIs, in words that say what to do next."""

from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


def bad_profile(why: str) -> InvalidArgument:
    """Something in a machine profile is impossible."""
    return InvalidArgument("BAD_PROFILE", f"The machine profile is not valid: {why}.")


def bad_query(why: str) -> InvalidArgument:
    """A question makes no sense."""
    return InvalidArgument("BAD_KPI_QUERY", f"The question makes no sense: {why}.")


def unknown_kpi(kpi: str) -> NotFound:
    """There is no such KPI."""
    return NotFound("KPI_NOT_FOUND", f"There is no KPI {kpi[:60]!r}. List KPIs to see which there are.", kpi=kpi[:60])


def too_many_rows(rows: int, most: int) -> ResourceExhausted:
    """More than anybody reads."""
    return ResourceExhausted(
        "TOO_MANY_ROWS",
        f"The answer would have {rows} rows; {most} are allowed. Ask for a shorter time or fewer machines, or group by "
        "less.",
        rows=str(rows),
    )


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


def unit_does_not_fit(asset: str, name: str, unit: str, wanted: str) -> FailedPrecondition:
    """A meter does not count energy, or counters of one machine do not count the same."""
    return FailedPrecondition(
        "UNIT_DOES_NOT_FIT",
        f"{asset}/{name} is in {unit or 'no unit'}, which is no {wanted}. Name another property in the machine "
        "profile, or '-' for none.",
        asset=asset,
        unit=unit,
    )


def has_calendar(asset: str, calendar: str) -> FailedPrecondition:
    """Two calendars would hold for one asset."""
    return FailedPrecondition(
        "ASSET_HAS_CALENDAR",
        f"Calendar {calendar!r} holds for {asset!r} already. Take the asset out of that calendar, or name another.",
        asset=asset,
        calendar=calendar,
    )


def has_profile(subject: str, profile: str) -> FailedPrecondition:
    """Two profiles would say how one machine is computed."""
    return FailedPrecondition(
        "MACHINE_HAS_PROFILE",
        f"Machine profile {profile!r} is for {subject!r} already. Take it out of that profile, or name another.",
        subject=subject,
        profile=profile,
    )


def not_a_number(asset: str, name: str) -> FailedPrecondition:
    """A counter is text."""
    return FailedPrecondition(
        "NOT_A_COUNTER", f"{asset}/{name} has text for values and cannot be a counter or a rate.", asset=asset
    )


def too_many_intervals(count: int, most: int) -> ResourceExhausted:
    """A machine changed its state so often that nobody could look at all of it."""
    return ResourceExhausted(
        "TOO_MANY_INTERVALS",
        f"The machine changed its state {count:,} times in this span; {most:,} are shown at once. Ask for a shorter "
        "span, or look at its profile: a rule over a noisy value flaps, and a rule with a margin does not.",
    )


def too_many_notes(most: int) -> ResourceExhausted:
    """People said more about stops than is looked at for one answer."""
    return ResourceExhausted(
        "TOO_MANY_STOP_NOTES",
        f"There are more than {most:,} stop notes about this. Ask for fewer machines or a shorter time.",
    )


def too_many_definitions(kind: str, most: int) -> ResourceExhausted:
    """Every question looks at all definitions."""
    return ResourceExhausted(
        "TOO_MANY_DEFINITIONS",
        f"There are {most} {kind}s already, and no more are looked at. Delete one that nothing uses, or let one hold "
        "for more.",
    )


def too_many_machines(count: int, most: int) -> ResourceExhausted:
    """A figure of so many machines cannot be looked at."""
    return ResourceExhausted(
        "TOO_MANY_MACHINES", f"The figure is made of {count} machines; {most} are opened at once. Open it by line."
    )
