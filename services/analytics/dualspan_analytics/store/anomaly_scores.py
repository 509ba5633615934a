"""Scores of live models, in columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_runtime.database import Connection

CHANNEL = "dualspan_analytics_scores"
"""Whoever waits for scores is told here that there are new ones; the payload is the tenant."""


@dataclass(frozen=True, slots=True)
class StoredScores:
    """Scores of one machine and one round; columns of one length."""

    score_id: int
    definition_id: str
    asset_id: str
    version: int
    start_us: int
    end_us: int
    time_us: Sequence[int]
    score: Sequence[float]
    reason: Sequence[int]
    leader: Sequence[int]
    leader_share: Sequence[float]
    properties: Sequence[str]


_SCORES = """score_id, definition_id, asset_id, version, start_us, end_us, time_us, score, reason, leader,
    leader_share, properties"""


async def put_scores(connection: Connection, tenant: str, scores: StoredScores) -> bool:
    """Store a round of scores, how far they reach, and tell who waits.

    Returns:
        False where somebody else has scored some of it meanwhile: then nothing is stored.
    """
    row = await connection.fetchrow(
        """UPDATE fitted_model SET scored_us = $5
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3 AND asset_id = $4 AND scored_us <= $6
        RETURNING scored_us""",
        tenant,
        scores.definition_id,
        scores.version,
        scores.asset_id,
        scores.end_us,
        scores.start_us,
    )
    if row is None:
        return False
    await connection.execute(
        """INSERT INTO anomaly_score (tenant_id, definition_id, asset_id, version, start_us, end_us, time_us, score,
            reason, leader, leader_share, properties)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING""",
        tenant,
        scores.definition_id,
        scores.asset_id,
        scores.version,
        scores.start_us,
        scores.end_us,
        scores.time_us,
        scores.score,
        scores.reason,
        scores.leader,
        scores.leader_share,
        scores.properties,
    )
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, tenant)
    return True


async def scores(
    connection: Connection, tenant: str, definition_id: str, asset_id: str, span: tuple[int, int]
) -> list[StoredScores]:
    """Rounds of scores of a machine that touch a span, in order of time."""
    rows = await connection.fetch(
        f"""SELECT {_SCORES} FROM anomaly_score
        WHERE tenant_id = $1 AND definition_id = $2 AND asset_id = $3 AND start_us < $5 AND end_us > $4
        ORDER BY start_us""",
        tenant,
        definition_id,
        asset_id,
        *span,
    )
    return [StoredScores(**row) for row in rows]


async def scores_after(
    connection: Connection, tenant: str, wanted: Sequence[tuple[str, str, int]], limit: int = 1000
) -> list[StoredScores]:
    """Rounds that end after a time, for each (definition, asset, time) at most so many, in order of time.

    By time and not by id: ids are given before rounds are committed, so the one with the lower id may come later.
    """
    rows = await connection.fetch(
        f"""SELECT found.* FROM unnest($2::text[], $3::text[], $4::bigint[]) AS wanted (definition, asset, after_us)
        CROSS JOIN LATERAL (
            SELECT {_SCORES} FROM anomaly_score
            WHERE tenant_id = $1 AND definition_id = definition AND asset_id = asset AND end_us > after_us
            ORDER BY end_us LIMIT $5
        ) AS found""",
        tenant,
        [definition for definition, _, _ in wanted],
        [asset for _, asset, _ in wanted],
        [after_us for _, _, after_us in wanted],
        limit,
    )
    return [StoredScores(**row) for row in rows]


async def expire_scores(connection: Connection, before_us: int) -> None:
    """Remove scores of all tenants that end before a time. In a platform transaction."""
    await connection.execute("DELETE FROM anomaly_score WHERE end_us < $1", before_us)
