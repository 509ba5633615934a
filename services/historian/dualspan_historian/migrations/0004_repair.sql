-- Gaps that a server's history fills, how far each server is complete, and the lineage of buffers.
SET LOCAL lock_timeout = '5s';

-- What the gateway tells of a tag: its server, since when it is recorded, and in which interval it is read (0: the
-- server says what changes). NULL registered_at: registered before this was written down.
ALTER TABLE tag ADD COLUMN server_id text NOT NULL DEFAULT '';
ALTER TABLE tag ADD COLUMN started_us bigint;
ALTER TABLE tag ADD COLUMN cyclic_us bigint NOT NULL DEFAULT 0;
ALTER TABLE tag ADD COLUMN registered_at timestamptz;
ALTER TABLE tag ALTER COLUMN registered_at SET DEFAULT now();

-- A digest over all frames up to the committed one.
ALTER TABLE buffer_position ADD COLUMN lineage bigint NOT NULL DEFAULT 0;

-- Totals of the repairs of a gap, and why something stays missing.
ALTER TABLE gap ADD COLUMN repaired_samples bigint NOT NULL DEFAULT 0;
ALTER TABLE gap ADD COLUMN repaired_tags bigint NOT NULL DEFAULT 0;
ALTER TABLE gap ADD COLUMN unrepairable_tags bigint NOT NULL DEFAULT 0;
ALTER TABLE gap ADD COLUMN resolution text NOT NULL DEFAULT '';
CREATE INDEX gap_repairable ON gap (tenant_id, gateway_id, start_time) WHERE state = 1;
CREATE INDEX gap_span ON gap (tenant_id, gateway_id, end_time);
-- When a gap is, nobody can know whose times make no sense.
UPDATE gap SET state = 3, resolve_time = now(), resolution = 'nobody knows from when to when samples are missing'
WHERE state = 1 AND (start_time IS NULL OR end_time IS NULL);

-- How far a tag's part of a gap is filled; state as in gap (4: in part).
CREATE TABLE gap_repair (
    tenant_id text NOT NULL,
    gap_id bigint NOT NULL,
    tag_id bigint NOT NULL,
    until_us bigint NOT NULL,
    samples bigint NOT NULL DEFAULT 0,
    state smallint NOT NULL DEFAULT 1,
    detail text NOT NULL DEFAULT '',
    update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, gap_id, tag_id),
    FOREIGN KEY (tenant_id, gap_id) REFERENCES gap ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX gap_repair_tag ON gap_repair (tenant_id, tag_id);

-- Parts of a gap that stay missing although the rest was filled.
CREATE TABLE gap_missing (
    tenant_id text NOT NULL,
    gap_id bigint NOT NULL,
    tag_id bigint NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, gap_id, tag_id, start_us),
    FOREIGN KEY (tenant_id, gap_id) REFERENCES gap ON DELETE CASCADE
);

-- Which samples history brought: the times of those that were not stored before.
CREATE TABLE repaired_span (
    tenant_id text NOT NULL,
    tag_id bigint NOT NULL,
    t_max bigint NOT NULL,
    t_min bigint NOT NULL,
    span_id bigint GENERATED ALWAYS AS IDENTITY,
    gap_id bigint NOT NULL,
    sample_count integer NOT NULL,
    ts bytea NOT NULL,
    PRIMARY KEY (tenant_id, tag_id, t_max, t_min, span_id),
    FOREIGN KEY (tenant_id, gap_id) REFERENCES gap ON DELETE CASCADE
);
CREATE INDEX repaired_span_gap ON repaired_span (tenant_id, gap_id);

-- Up to when everything of a server is stored or in the ledger.
CREATE TABLE server_coverage (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    server_id text NOT NULL,
    complete_us bigint NOT NULL,
    update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, gateway_id, server_id)
) WITH (fillfactor = 50);

-- Tags of which nothing arrives now although their server is heard.
CREATE TABLE tag_hole (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    server_id text NOT NULL,
    tag_id bigint NOT NULL,
    since_us bigint NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (tenant_id, gateway_id, server_id, tag_id)
);

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['gap_repair', 'gap_missing', 'repaired_span', 'server_coverage', 'tag_hole']) AS name;
