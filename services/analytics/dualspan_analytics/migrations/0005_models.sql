-- Models of machines: definitions, their versions with proof, fitted models as data, and scores in columns.
SET LOCAL lock_timeout = '5s';

CREATE TABLE model_definition (
    tenant_id text NOT NULL,
    definition_id text NOT NULL,
    display_name text NOT NULL,
    -- anomaly or forecast
    kind text NOT NULL CHECK (kind IN ('anomaly', 'forecast')),
    asset_model text NOT NULL,
    -- Empty for all machines of the model.
    under text NOT NULL,
    spec jsonb NOT NULL,
    -- The version that scores; 0 for none.
    live_version integer NOT NULL DEFAULT 0,
    needs_retraining boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_definition_pkey PRIMARY KEY (tenant_id, definition_id)
);
SELECT pg_temp.isolate_tenant('model_definition');

CREATE TABLE model_version (
    tenant_id text NOT NULL,
    definition_id text NOT NULL,
    version integer NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL CHECK (end_us > start_us),
    operation text NOT NULL,
    -- Faults that people confirmed, as JSON: [[asset, onset_us, stop_us, end_us]].
    known_faults jsonb NOT NULL,
    ready boolean NOT NULL DEFAULT false,
    -- 0 not known yet, 1 better than its naive baseline, 2 not, 3 unproven
    verdict smallint NOT NULL DEFAULT 0,
    verdict_text text NOT NULL DEFAULT '',
    report jsonb NOT NULL DEFAULT '[]',
    libraries jsonb NOT NULL DEFAULT '{}',
    -- A worker that dies leaves its claim behind; after a while another takes the row.
    claimed_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_version_pkey PRIMARY KEY (tenant_id, definition_id, version),
    CONSTRAINT model_version_definition_fkey FOREIGN KEY (tenant_id, definition_id)
        REFERENCES model_definition ON DELETE CASCADE
);
CREATE INDEX model_version_open_idx ON model_version (tenant_id, created_at) WHERE ended_at IS NULL;
SELECT pg_temp.isolate_tenant('model_version');

CREATE TABLE fitted_model (
    tenant_id text NOT NULL,
    definition_id text NOT NULL,
    version integer NOT NULL,
    asset_id text NOT NULL,
    -- An .npz file without pickled objects, and JSON beside it; empty where `problem` says why.
    arrays bytea NOT NULL,
    facts text NOT NULL,
    span_sha256 text NOT NULL,
    problem text NOT NULL,
    -- The largest population stability index at the last look, and whose; NULL before the first.
    drift_psi double precision,
    drift_property text NOT NULL DEFAULT '',
    drift_looked_us bigint NOT NULL DEFAULT 0,
    -- Scores reach up to here.
    scored_us bigint NOT NULL DEFAULT 0,
    CONSTRAINT fitted_model_pkey PRIMARY KEY (tenant_id, definition_id, version, asset_id),
    CONSTRAINT fitted_model_version_fkey FOREIGN KEY (tenant_id, definition_id, version)
        REFERENCES model_version ON DELETE CASCADE
);
SELECT pg_temp.isolate_tenant('fitted_model');

-- Scores of one machine and one round, in columns. `score_id` rises, so that alarms read what is new.
CREATE TABLE anomaly_score (
    tenant_id text NOT NULL,
    score_id bigint GENERATED ALWAYS AS IDENTITY,
    definition_id text NOT NULL,
    asset_id text NOT NULL,
    version integer NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL,
    time_us bigint[] NOT NULL,
    score double precision[] NOT NULL,
    reason smallint[] NOT NULL,
    -- What contributed the most, places in `properties`; -1 for nothing.
    leader smallint[] NOT NULL,
    leader_share real[] NOT NULL,
    properties text[] NOT NULL,
    CONSTRAINT anomaly_score_pkey PRIMARY KEY (tenant_id, score_id),
    CONSTRAINT anomaly_score_definition_fkey FOREIGN KEY (tenant_id, definition_id)
        REFERENCES model_definition ON DELETE CASCADE
);
CREATE UNIQUE INDEX anomaly_score_span_idx ON anomaly_score (tenant_id, definition_id, asset_id, start_us);
SELECT pg_temp.isolate_tenant('anomaly_score');
