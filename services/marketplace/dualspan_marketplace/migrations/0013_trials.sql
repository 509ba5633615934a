-- Apps that are tried before they are published: what was found, and what of the trial is still there.
SET LOCAL lock_timeout = '5s';

CREATE TABLE trial (
    -- Of the publisher.
    tenant_id text NOT NULL,
    -- Id of the subscription that the version runs as, in the tenant of trials.
    trial_id text NOT NULL COLLATE "C",
    -- Its tags have numbers that follow from this.
    number bigint GENERATED ALWAYS AS IDENTITY,
    app_id text NOT NULL COLLATE "C",
    version text NOT NULL COLLATE "C",
    -- The submission that it is for.
    operation text NOT NULL,
    manifest text NOT NULL,
    phase text NOT NULL DEFAULT 'planting' CHECK (phase IN ('planting', 'running', 'ending', 'done')),
    outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'passed', 'failed', 'skipped')),
    findings jsonb NOT NULL DEFAULT '[]',
    create_time timestamptz NOT NULL DEFAULT now(),
    -- It was well for the first time.
    well_time timestamptz,
    PRIMARY KEY (tenant_id, trial_id)
);
CREATE UNIQUE INDEX trial_operation_key ON trial (tenant_id, operation);
CREATE INDEX trial_open_idx ON trial (tenant_id, trial_id) WHERE phase <> 'done';

SELECT pg_temp.isolate_tenant('trial');
