"""The report as a document: canonical JSON (RFC 8785) in a DSSE envelope. Pure."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from dualspan.historian.v1 import resources_pb2
from dualspan_historian.report.model import NEVER_RECORDED, REFUSED, LedgerGap, ReportQuery, TagFigures, Times

PAYLOAD_TYPE = "application/vnd.dualspan.completeness.v1+json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {NEVER_RECORDED: "NEVER_RECORDED", REFUSED: "REFUSED"}
_DEFINITIONS = {
    "expected_ms": "time within the period in which the tag was to be recorded: from when it was first recorded until "
    "it was removed",
    "received_ms": "expected time that is neither repaired, missing nor pending",
    "repaired_ms": "time of gaps that the server's history filled",
    "missing_ms": "time of gaps that are not filled, or cannot be",
    "pending_ms": "time of which the gateway has not told yet",
    "unplaced_gaps": "gaps of unknown time that were found in the period or within a week after it: a tag with one is "
    "not complete, whatever its times say",
    "received_samples": "distinct samples that are stored and came as they happened",
    "repaired_samples": "distinct samples that only history brought",
    "expected_samples": "reads that were due: told time divided by the interval in which the gateway reads, the most "
    "samples that there can be, for a value that is the same as at the read before is the same sample; only where it "
    "reads in an interval: a server that reports changes has no number of samples to expect, time is the measure there",
    "missing_samples": "reads that were due in missing time; the most samples that can be missing",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """What identity answers: who signed, the signature, and the certificates that vouch for the key."""

    key_id: str
    signature: bytes
    certificate_chain_pem: str


def totals(lines: Sequence[TagFigures]) -> Times:
    """Return the times of all tags together."""
    return reduce(lambda one, other: one + other, (line.times for line in lines), Times())


def document(
    tenant: str, query: ReportQuery, lines: Sequence[TagFigures], gaps: Sequence[LedgerGap], created_us: int
) -> bytes:
    """Return the payload of a report."""
    content = {
        "definitions": _DEFINITIONS,
        "format": PAYLOAD_TYPE,
        "tenant": f"tenants/{tenant}",
        "subject": query.subject,
        "requested_by": query.requester,
        "create_time": rfc3339(created_us),
        "period": {"start_time": rfc3339(query.start_us), "end_time": rfc3339(query.end_us)},
        "totals": _totals(lines),
        "tags": [_line(line) for line in lines],
        "gaps": [_gap(gap) for gap in gaps],
    }
    return canonical(content)


def envelope(payload: bytes, signature: Signature) -> bytes:
    """Return a DSSE envelope (v1.0) as canonical JSON and a line break; it is only valid byte by byte as it is."""
    content = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {
                "keyid": signature.key_id,
                "sig": base64.b64encode(signature.signature).decode(),
                "certificates": signature.certificate_chain_pem,
            }
        ],
    }
    return canonical(content) + b"\n"


def canonical(content: object) -> bytes:
    """Return JSON as RFC 8785 has it, of text, whole numbers, truth, lists, and objects with plain names."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def rfc3339(microseconds: int) -> str:
    """Return a moment as text, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _totals(lines: Sequence[TagFigures]) -> dict[str, Any]:
    return {
        "tags": len(lines),
        "complete_tags": sum(line.is_complete for line in lines),
        **_times(totals(lines)),
        "received_samples": sum(line.received_samples for line in lines),
        "repaired_samples": sum(line.repaired_samples for line in lines),
        "missing_samples": sum(line.missing_samples for line in lines),
    }


def _times(times: Times) -> dict[str, int]:
    """Return whole milliseconds that add up; what is missing or pending is never rounded away."""
    repaired, missing, pending = times.repaired // 1000, -(-times.missing // 1000), -(-times.pending // 1000)
    expected = max(-(-times.expected // 1000), repaired + missing + pending)
    return {
        "expected_ms": expected,
        "received_ms": expected - repaired - missing - pending,
        "repaired_ms": repaired,
        "missing_ms": missing,
        "pending_ms": pending,
    }


def _line(line: TagFigures) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "tag_id": line.tag.tag_id,
        "name": line.tag.name,
        "server": line.tag.server,
        "complete": line.is_complete,
        **_times(line.times),
        "received_samples": line.received_samples,
        "repaired_samples": line.repaired_samples,
    }
    if line.expected_samples is not None:
        shown |= {"expected_samples": line.expected_samples, "missing_samples": line.missing_samples}
    if line.lost_samples:
        shown["known_lost_samples"] = line.lost_samples
    if line.unplaced_gaps:
        shown["unplaced_gaps"] = line.unplaced_gaps
    if line.causes:
        shown["causes"] = {cause_name(cause): -(-time // 1000) for cause, time in line.causes.items()}
    return shown


def _gap(gap: LedgerGap) -> dict[str, Any]:
    return {
        "gap_id": gap.gap_id,
        "tag_id": gap.tag_id,
        "gateway": gap.gateway_id,
        "server": gap.server_id,
        "start_time": "" if gap.start_us is None else rfc3339(gap.start_us),
        "end_time": "" if gap.end_us is None else rfc3339(gap.end_us),
        "cause": cause_name(gap.cause),
        "detail": gap.detail,
        "state": gap.state.name,
        "resolution": gap.resolution,
        "repaired_samples": gap.repaired_samples,
    }


def cause_name(cause: int) -> str:
    """Return the word for a cause: SERVER_OVERFLOW and so on."""
    if cause in _WORDS:
        return _WORDS[cause]
    known = resources_pb2.GapCause.DESCRIPTOR.values_by_number
    return known[cause].name.removeprefix("GAP_CAUSE_") if cause in known else "UNSPECIFIED"
