-- Calendars, machine profiles, custom KPIs, what people said about stops, and sums that were rolled up.
SET LOCAL lock_timeout = '5s';

-- Definitions of one kind each; `document` is the whole of it.
CREATE TABLE production_definition (
    tenant_id text NOT NULL,
    kind text NOT NULL,
    definition_id text NOT NULL,
    document jsonb NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kind, definition_id)
);

-- Why machines stood, as people said; of two that overlap the newer one counts.
CREATE TABLE stop_note (
    tenant_id text NOT NULL,
    note_id bigint GENERATED ALWAYS AS IDENTITY,
    asset_id text NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL CHECK (end_us >= start_us),
    reason text NOT NULL,
    comment text NOT NULL,
    author text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, note_id)
);
CREATE INDEX stop_note_by_asset ON stop_note (tenant_id, asset_id, end_us);

-- Sums of one machine in one occurrence of a shift, or in the time between two. `plan` is a digest of everything that
-- they were computed with besides samples; `versions` are those of the data, one for each gateway of the
-- machine, and `notes` says which gateways these are, and what people said; they
-- hold as long as nothing newer touches [depends_us, end_us plus the margin). `cells` are records of float64, and `labels`
-- the products and orders that these name, as a JSON list.
CREATE TABLE rollup (
    tenant_id text NOT NULL,
    asset_id text NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL,
    plan bytea NOT NULL,
    notes text NOT NULL,
    depends_us bigint NOT NULL,
    versions bigint[] NOT NULL,
    labels text NOT NULL,
    cells bytea NOT NULL,
    PRIMARY KEY (tenant_id, asset_id, start_us, end_us)
) WITH (fillfactor = 80);
ALTER TABLE rollup ALTER COLUMN cells SET STORAGE EXTERNAL;

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY['production_definition', 'stop_note', 'rollup']) AS name;
