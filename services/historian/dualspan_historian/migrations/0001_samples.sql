-- Tags, frames, segments, the latest values, gaps and quarantine. Every key leads with tenant_id, so that tables can be
-- distributed by it. Times of samples are int64 microseconds since 1970 UTC, as everywhere.
SET LOCAL lock_timeout = '5s';

-- What onboarding told of each tag.
CREATE TABLE tag (
    tenant_id text NOT NULL,
    tag_id bigint NOT NULL CHECK (tag_id > 0),
    gateway_id text NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    retention_class text NOT NULL,
    sloped boolean NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (tenant_id, tag_id)
);
CREATE INDEX tag_by_gateway ON tag (tenant_id, gateway_id);
-- Ids are unique on the platform; this finds one that another tenant has.
CREATE INDEX tag_by_id ON tag (tag_id);

-- How far each life of a gateway's buffer is committed, and what came with it. Locked by every ingest transaction.
CREATE TABLE buffer_position (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    epoch bigint NOT NULL,
    committed_sequence bigint NOT NULL DEFAULT 0,
    commit_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    committed_frames bigint NOT NULL DEFAULT 0,
    committed_samples bigint NOT NULL DEFAULT 0,
    quarantined_frames bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, gateway_id, epoch)
) WITH (fillfactor = 50);

-- What was acknowledged and is not sealed yet. `arrival` is the order of commits.
CREATE TABLE frame (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    arrival bigint GENERATED ALWAYS AS IDENTITY,
    t_min bigint NOT NULL,
    t_max bigint NOT NULL,
    sample_count integer NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload bytea NOT NULL,
    PRIMARY KEY (tenant_id, gateway_id, epoch, sequence)
) WITH (
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000,
    toast.autovacuum_vacuum_scale_factor = 0.0, toast.autovacuum_vacuum_threshold = 20000
);
CREATE INDEX frame_by_arrival ON frame (tenant_id, gateway_id, arrival);
ALTER TABLE frame ALTER COLUMN payload SET STORAGE EXTERNAL; -- compressed already

-- Timestamps that several tags share.
CREATE TABLE timeline (
    tenant_id text NOT NULL,
    timeline_id bigint GENERATED ALWAYS AS IDENTITY,
    ts bytea NOT NULL,
    PRIMARY KEY (tenant_id, timeline_id)
);
ALTER TABLE timeline ALTER COLUMN ts SET STORAGE EXTERNAL;

-- One tag, a span of time, compressed columns; never updated. Statistics are of the good samples. The key serves "what
-- overlaps [a, b)" (t_max >= a AND t_min < b) from the index alone.
CREATE TABLE segment (
    tenant_id text NOT NULL,
    tag_id bigint NOT NULL,
    t_max bigint NOT NULL,
    t_min bigint NOT NULL,
    segment_id bigint GENERATED ALWAYS AS IDENTITY,
    arrival bigint NOT NULL,
    timeline_id bigint,
    v_min double precision,
    v_max double precision,
    v_sum double precision,
    sample_count integer NOT NULL,
    good_count integer NOT NULL,
    byte_count integer NOT NULL,
    kind smallint NOT NULL,
    gateway_id text NOT NULL,
    ts bytea,
    status bytea,
    value bytea NOT NULL,
    PRIMARY KEY (tenant_id, tag_id, t_max, t_min, segment_id),
    CHECK ((ts IS NULL) <> (timeline_id IS NULL))
);
ALTER TABLE segment ALTER COLUMN ts SET STORAGE EXTERNAL, ALTER COLUMN status SET STORAGE EXTERNAL,
    ALTER COLUMN value SET STORAGE EXTERNAL;
-- What merging looks at.
CREATE INDEX segment_open ON segment (tenant_id, gateway_id, tag_id) WHERE sample_count < 32768;
CREATE INDEX segment_timeline ON segment (tenant_id, timeline_id) WHERE timeline_id IS NOT NULL;

-- The newest sealed sample of each tag; outlives retention.
CREATE TABLE latest (
    tenant_id text NOT NULL,
    tag_id bigint NOT NULL,
    t bigint NOT NULL,
    status bigint NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tenant_id, tag_id)
) WITH (fillfactor = 50);

-- What sealing, merging and retention did; changed only at the end of their transactions.
CREATE TABLE sealing_total (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    sealed_frames bigint NOT NULL DEFAULT 0,
    taken_samples bigint NOT NULL DEFAULT 0,
    repeated_samples bigint NOT NULL DEFAULT 0,
    expired_samples bigint NOT NULL DEFAULT 0,
    segments bigint NOT NULL DEFAULT 0,
    segment_bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, gateway_id)
) WITH (fillfactor = 50);

-- The gap ledger.
CREATE TABLE gap (
    tenant_id text NOT NULL,
    gap_id bigint GENERATED ALWAYS AS IDENTITY,
    tag_id bigint NOT NULL,
    gateway_id text NOT NULL,
    server_id text NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    cause smallint NOT NULL,
    lost_samples bigint NOT NULL,
    detail text NOT NULL,
    state smallint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolve_time timestamptz,
    PRIMARY KEY (tenant_id, gap_id)
);
CREATE INDEX gap_open ON gap (tenant_id) WHERE state = 1;

-- Frames that could not be accepted, as they came.
CREATE TABLE quarantined_frame (
    tenant_id text NOT NULL,
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY,
    gateway_id text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload bytea NOT NULL,
    PRIMARY KEY (tenant_id, quarantine_id)
);
ALTER TABLE quarantined_frame ALTER COLUMN payload SET STORAGE EXTERNAL;

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['tag', 'buffer_position', 'frame', 'timeline', 'segment', 'latest', 'sealing_total', 'gap',
                  'quarantined_frame']) AS name;
