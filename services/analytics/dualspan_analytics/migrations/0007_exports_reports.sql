-- Exports as Parquet, and reports. Times that end in _us are microseconds since the Unix epoch.
SET LOCAL lock_timeout = '5s';

CREATE TABLE export (
    tenant_id    text        NOT NULL,
    export_id    text        NOT NULL COLLATE "C",
    -- All that was said but the secret, which is sealed.
    definition   text        NOT NULL,
    secret       bytea,
    -- The run that is to be done or being done: an operation's name; NULL for none.
    operation    text,
    -- Who does it, and how long nobody else may.
    owner        uuid,
    leased_until timestamptz,
    -- Attempts without a partition written between them.
    attempts     integer     NOT NULL DEFAULT 0,
    retry_at     timestamptz NOT NULL DEFAULT now(),
    -- Of the run so far: due, written, written again, kept, rows, bytes.
    due          bigint      NOT NULL DEFAULT 0,
    done         bigint      NOT NULL DEFAULT 0,
    again        bigint      NOT NULL DEFAULT 0,
    kept         bigint      NOT NULL DEFAULT 0,
    rows         bigint      NOT NULL DEFAULT 0,
    bytes        bigint      NOT NULL DEFAULT 0,
    -- When it runs by itself; NULL for never.
    next_at      timestamptz,
    success_at   timestamptz,
    trouble      text        NOT NULL DEFAULT '',
    CONSTRAINT export_pkey PRIMARY KEY (tenant_id, export_id)
);
CREATE INDEX export_running_idx ON export (retry_at) WHERE operation IS NOT NULL;
CREATE INDEX export_next_idx ON export (next_at) WHERE next_at IS NOT NULL;

-- What was written: one asset in one day (days since 1970-01-01, UTC). The row commits after its file is in its place.
CREATE TABLE export_partition (
    tenant_id  text        NOT NULL,
    export_id  text        NOT NULL COLLATE "C",
    asset_id   text        NOT NULL COLLATE "C",
    day        integer     NOT NULL,
    -- Of all that the file depends on besides samples.
    digest     bytea       NOT NULL,
    -- Of the samples, as the historian counts them: one for each gateway of the asset.
    versions   bigint[]    NOT NULL,
    rows       bigint      NOT NULL,
    bytes      bigint      NOT NULL,
    sha256     bytea       NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT export_partition_pkey PRIMARY KEY (tenant_id, export_id, asset_id, day),
    CONSTRAINT export_partition_export_fkey FOREIGN KEY (tenant_id, export_id) REFERENCES export ON DELETE CASCADE
);

CREATE TABLE report (
    tenant_id  text   NOT NULL,
    report_id  text   NOT NULL COLLATE "C",
    definition text   NOT NULL,
    -- The periods that end up to here have their rows in report_run.
    planned_us bigint NOT NULL,
    -- When the next period is to be planned; NULL while the report is paused.
    due_us     bigint,
    CONSTRAINT report_pkey PRIMARY KEY (tenant_id, report_id)
);
CREATE INDEX report_due_idx ON report (due_us) WHERE due_us IS NOT NULL;

-- One period of one report, once.
CREATE TABLE report_run (
    tenant_id    text        NOT NULL,
    report_id    text        NOT NULL COLLATE "C",
    start_us     bigint      NOT NULL,
    end_us       bigint      NOT NULL,
    title        text        NOT NULL,
    -- 1 pending, 2 running, 3 done, 4 failed
    state        smallint    NOT NULL DEFAULT 1,
    attempts     integer     NOT NULL DEFAULT 0,
    -- Counts how often it was asked for, so that what was asked for meanwhile is not taken for done.
    revision     integer     NOT NULL DEFAULT 1,
    -- When it may be tried; while it is running, when its worker is taken for dead.
    next_at      timestamptz NOT NULL DEFAULT now(),
    detail       text        NOT NULL DEFAULT '',
    made_at      timestamptz,
    CONSTRAINT report_run_pkey PRIMARY KEY (tenant_id, report_id, start_us),
    CONSTRAINT report_run_report_fkey FOREIGN KEY (tenant_id, report_id) REFERENCES report ON DELETE CASCADE
);
CREATE INDEX report_run_due_idx ON report_run (next_at) WHERE state IN (1, 2);

CREATE TABLE report_file (
    tenant_id text     NOT NULL,
    report_id text     NOT NULL COLLATE "C",
    start_us  bigint   NOT NULL,
    -- The numbers of the contract.
    language  smallint NOT NULL,
    format    smallint NOT NULL,
    content   bytea    NOT NULL,
    sha256    bytea    NOT NULL,
    CONSTRAINT report_file_pkey PRIMARY KEY (tenant_id, report_id, start_us, language, format),
    CONSTRAINT report_file_run_fkey FOREIGN KEY (tenant_id, report_id, start_us) REFERENCES report_run ON DELETE CASCADE
);
-- Deflated already.
ALTER TABLE report_file ALTER COLUMN content SET STORAGE EXTERNAL;

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['export', 'export_partition', 'report', 'report_run', 'report_file']) AS name;
