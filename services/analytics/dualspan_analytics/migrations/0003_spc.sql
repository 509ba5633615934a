-- Control charts, and limits that were fixed.
SET LOCAL lock_timeout = '5s';

-- `document` is the whole definition.
CREATE TABLE control_chart (
    tenant_id text NOT NULL,
    chart_id text NOT NULL COLLATE "C",
    document jsonb NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, chart_id)
);

-- Never changed; a newer version takes the place of an older one. Sigma is NaN on charts of counts, degrees infinite where
-- limits were given. `exclusions` is a JSON list.
CREATE TABLE control_limits (
    tenant_id text NOT NULL,
    chart_id text NOT NULL COLLATE "C",
    asset_id text NOT NULL COLLATE "C",
    version integer NOT NULL CHECK (version > 0),
    centre double precision NOT NULL,
    sigma double precision NOT NULL,
    degrees double precision NOT NULL,
    points integer NOT NULL,
    value_count double precision NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL,
    exclusions jsonb NOT NULL,
    comment text NOT NULL,
    author text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, chart_id, asset_id, version),
    FOREIGN KEY (tenant_id, chart_id) REFERENCES control_chart (tenant_id, chart_id) ON DELETE CASCADE
);
REVOKE UPDATE ON control_limits FROM dualspan_analytics;

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY['control_chart', 'control_limits']) AS name;
