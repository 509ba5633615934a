"""What the historian refuses, and why."""

from dualspan_runtime.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)


class CorruptSegmentError(Exception):
    """A stored column is not what was written; its storage is damaged."""


def empty_interval() -> InvalidArgument:
    """start_time and end_time are the same (Part 13, 5.4.2.2: Bad_InvalidArgument)."""
    return InvalidArgument("EMPTY_INTERVAL", "start_time and end_time must differ.")


def reversed_interval() -> InvalidArgument:
    """A raw read runs forward only."""
    return InvalidArgument("REVERSED_INTERVAL", "The end must lie after the start.")


def time_required(field: str) -> InvalidArgument:
    """A time that the request must carry is missing or out of its range."""
    return InvalidArgument("INVALID_TIME", f"{field} must be given and lie between 0001 and 9999.", field=field)


def tag_count(given: int, most: int) -> InvalidArgument:
    """No tags, or too many."""
    return InvalidArgument(
        "TOO_MANY_TAGS" if given else "TAGS_REQUIRED", f"Give 1 to {most} tag_ids; this request has {given}."
    )


def gap_count(given: int, most: int) -> InvalidArgument:
    """No gaps, or too many."""
    return InvalidArgument(
        "TOO_MANY_GAPS" if given else "GAPS_REQUIRED", f"Name 1 to {most} gaps; this request has {given}."
    )


def gaps_of_what() -> InvalidArgument:
    """A tag and a gateway, of which one is to say which gaps."""
    return InvalidArgument("GAPS_OF_WHAT", "Give tag_id or gateway, not both.", field="gateway")


def unknown_gap() -> NotFound:
    """A gap that this tenant does not have."""
    return NotFound("GAP_NOT_FOUND", "One of the gaps does not exist. List the gaps to see which there are.")


def unknown_tags(missing: list[int]) -> NotFound:
    """Tags that this tenant does not have."""
    some = ", ".join(str(tag) for tag in missing[:10])
    return NotFound("TAG_NOT_FOUND", f"{len(missing)} of the tags do not exist, among them {some}.", tags=some)


def aggregates_required() -> InvalidArgument:
    """No aggregates, too many, or an unknown one."""
    return InvalidArgument("INVALID_AGGREGATES", "Give 1 to 16 known aggregates.")


def not_numeric(tag_id: int) -> InvalidArgument:
    """An aggregate of numbers was asked of a tag that has none."""
    return InvalidArgument(
        "NOT_NUMERIC",
        f"Tag {tag_id} has no numbers. Ask only for Count, Duration… and Percent… aggregates, or use ReadRaw.",
        tag=str(tag_id),
    )


def invalid_interval() -> InvalidArgument:
    """The processing interval is negative."""
    return InvalidArgument("INVALID_PROCESSING_INTERVAL", "processing_interval must be 0 or more.")


def invalid_pause(shortest: float, longest: float) -> InvalidArgument:
    """The pause between newest samples is out of its range."""
    return InvalidArgument(
        "INVALID_PAUSE", f"newest_every must be {shortest:g} to {longest:g} seconds; leave it out for every sample."
    )


def invalid_percentages() -> InvalidArgument:
    """AggregateConfiguration out of its range (Part 13, 4.2.1.2)."""
    return InvalidArgument(
        "INVALID_CONFIGURATION", "percent_data_good and percent_data_bad must be 0 to 100, and add up to 100 or more."
    )


def too_many_results(count: int, most: int) -> InvalidArgument:
    """Tags x aggregates x intervals is too large."""
    return InvalidArgument(
        "TOO_MANY_RESULTS",
        f"The request makes {count} values, {most} are allowed. Use longer intervals, a shorter time or fewer tags.",
    )


def too_many_samples(count: int, most: int) -> ResourceExhausted:
    """A query would decode too much."""
    return ResourceExhausted(
        "TOO_MANY_SAMPLES",
        f"The query covers {count} samples, {most} are allowed at once. Ask for a shorter time or fewer tags.",
    )


def too_many_bytes(size: int, most: int) -> ResourceExhausted:
    """A query would decode too many bytes."""
    return ResourceExhausted(
        "TOO_MANY_SAMPLES",
        f"The query covers {size} bytes of samples, {most} are allowed at once. Ask for a shorter time or fewer tags.",
    )


def busy() -> ResourceExhausted:
    """All places for queries are taken and none became free in time."""
    return ResourceExhausted("TOO_MANY_QUERIES", "Too many queries run at the moment. Try again shortly.")


def foreign_tag(tag_id: int) -> AlreadyExists:
    """A tag id that is taken by another tenant."""
    return AlreadyExists("TAG_TAKEN", f"Tag {tag_id} belongs to somebody else.", tag=str(tag_id))


def kind_is_fixed(tag_id: int) -> FailedPrecondition:
    """A tag's kind or gateway never changes."""
    return FailedPrecondition(
        "TAG_FIXED", f"The kind and the gateway of tag {tag_id} cannot change. Make a new tag.", tag=str(tag_id)
    )


def source_busy(source: str) -> Aborted:
    """Its segments are being merged, or somebody else deletes them."""
    return Aborted("SOURCE_BUSY", f"Samples of {source} are being worked on. Ask again shortly.")


def invalid_registration(detail: str) -> InvalidArgument:
    """A registration that makes no sense."""
    return InvalidArgument("INVALID_REGISTRATION", detail)


def open_first() -> FailedPrecondition:
    """The first message of an ingest stream was not `open`, or a later one was."""
    return FailedPrecondition("OPEN_FIRST", "Send `open` first and once, then uploads in rising order of sequence.")


def results_only() -> InvalidArgument:
    """An app told what only a gateway can know."""
    words = "An app sends samples of its results alone: gaps, repairs and coverage are a gateway's."
    return InvalidArgument("RESULTS_ONLY", words)


def superseded() -> Aborted:
    """The same gateway opened another stream."""
    return Aborted("STREAM_SUPERSEDED", "This gateway opened another stream, which took this one's place.")


def not_rising(sequence: int, last: int) -> InvalidArgument:
    """Sequences of one stream must rise, from 1."""
    return InvalidArgument("SEQUENCE_NOT_RISING", f"Sequence {sequence} came after {last}; they must rise, from 1.")


def subject_required() -> InvalidArgument:
    """A report must say what it is about."""
    return InvalidArgument("SUBJECT_REQUIRED", "Say what the report is about: a plant, a gateway or a server.")


def future_period() -> InvalidArgument:
    """Nobody can prove what has not happened."""
    return InvalidArgument("PERIOD_IN_FUTURE", "end_time must not lie after now.")


def period_too_old(days: int) -> FailedPrecondition:
    """What the ledger has forgotten cannot be proven."""
    return FailedPrecondition(
        "PERIOD_TOO_OLD",
        f"The gap ledger is kept for {days} days; a report cannot begin before that. Choose a later start_time.",
    )


def too_many_gaps(most: int) -> ResourceExhausted:
    """A report would list too much."""
    return ResourceExhausted(
        "TOO_MANY_GAPS", f"More than {most} gaps touch the period. Report on a shorter period or fewer tags."
    )


def signer_unreachable() -> Unavailable:
    """A report without a signature proves nothing."""
    return Unavailable("SIGNER_UNREACHABLE", "The identity service does not answer, so nothing can be signed now.")


def not_events(tag_id: int) -> FailedPrecondition:
    """A tag's samples are values, and events were asked for."""
    return FailedPrecondition(
        "NOT_EVENTS",
        f"The samples of tag {tag_id} are no events. Read them with ReadRaw, or name an event notifier's tag.",
    )
