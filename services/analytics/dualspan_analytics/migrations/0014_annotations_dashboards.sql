-- What people write beside values, and the pages of panels that they keep. Times that end in _us are microseconds since
-- the Unix epoch. What is taken away stays 30 days, so that it can be brought back.
SET LOCAL lock_timeout = '5s';

CREATE TABLE annotation (
    tenant_id     text        NOT NULL,
    annotation_id text        NOT NULL COLLATE "C",
    start_us      bigint      NOT NULL,
    end_us        bigint      NOT NULL,
    -- Both empty: of the whole enterprise.
    assets        text[]      NOT NULL,
    tag_ids       bigint[]    NOT NULL,
    content       text        NOT NULL,
    author        text        NOT NULL,
    create_time   timestamptz NOT NULL DEFAULT now(),
    update_time   timestamptz NOT NULL DEFAULT now(),
    delete_time   timestamptz,
    CONSTRAINT annotation_pkey PRIMARY KEY (tenant_id, annotation_id),
    CHECK (end_us >= start_us)
);
CREATE INDEX annotation_start_idx ON annotation (tenant_id, start_us, annotation_id) WHERE delete_time IS NULL;

CREATE TABLE dashboard (
    tenant_id    text        NOT NULL,
    dashboard_id text        NOT NULL COLLATE "C",
    -- Its name, description and panels.
    document     text        NOT NULL,
    -- Counts its states.
    version      bigint      NOT NULL DEFAULT 1,
    editor       text        NOT NULL,
    create_time  timestamptz NOT NULL DEFAULT now(),
    update_time  timestamptz NOT NULL DEFAULT now(),
    delete_time  timestamptz,
    CONSTRAINT dashboard_pkey PRIMARY KEY (tenant_id, dashboard_id)
);

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY['annotation', 'dashboard']) AS name;
