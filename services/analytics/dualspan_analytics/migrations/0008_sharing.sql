-- Sharing KPIs across enterprises, by consent, and audit events on their way to identity.
SET LOCAL lock_timeout = '5s';

-- The present word on a KPI; what was said before is in the audit log.
CREATE TABLE sharing_consent (
    tenant_id text NOT NULL,
    kpi text NOT NULL COLLATE "C",
    granted boolean NOT NULL,
    actor text NOT NULL,
    change_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kpi)
);

-- One figure of an enterprise for a group, a KPI and a month (YYYY-MM, UTC): aggregates only, no names. Read across
-- tenants by the worker only, in platform transactions.
CREATE TABLE sharing_contribution (
    tenant_id text NOT NULL,
    month text NOT NULL COLLATE "C",
    kpi text NOT NULL COLLATE "C",
    group_kind text NOT NULL CHECK (group_kind IN ('model', 'industry')),
    group_id text NOT NULL COLLATE "C",
    value double precision NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    good_share double precision NOT NULL,
    machines integer NOT NULL CHECK (machines > 0),
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, month, kpi, group_kind, group_id),
    FOREIGN KEY (tenant_id, kpi) REFERENCES sharing_consent (tenant_id, kpi)
);
CREATE INDEX sharing_contribution_month_idx ON sharing_contribution (month);

-- What was published, a copy for each enterprise that had contributed: nobody reads anybody else's row. Rounded already;
-- without figures where it was refused. Never changed.
CREATE TABLE sharing_benchmark (
    tenant_id text NOT NULL,
    month text NOT NULL COLLATE "C",
    kpi text NOT NULL COLLATE "C",
    group_kind text NOT NULL CHECK (group_kind IN ('model', 'industry')),
    group_id text NOT NULL COLLATE "C",
    at_least integer NOT NULL,
    lower_quartile double precision,
    median double precision,
    upper_quartile double precision,
    refusal text NOT NULL,
    publish_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, month, kpi, group_kind, group_id),
    CHECK ((refusal = '') = (median IS NOT NULL))
);
REVOKE UPDATE ON sharing_contribution, sharing_benchmark FROM dualspan_analytics, dualspan_analytics_platform;

-- Months that were published. Each is once, for all enterprises together.
CREATE TABLE sharing_month (
    month text NOT NULL COLLATE "C" PRIMARY KEY,
    publish_time timestamptz NOT NULL DEFAULT now()
);
REVOKE UPDATE, DELETE ON sharing_month FROM dualspan_analytics, dualspan_analytics_platform;

-- Audit events that identity has not confirmed yet, written in the transaction of what they tell of.
CREATE TABLE audit_outbox (
    tenant_id text NOT NULL,
    event_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    request_id text NOT NULL,
    -- Whoever delivers it has it to itself until then.
    leased_until timestamptz,
    PRIMARY KEY (tenant_id, event_id)
);
CREATE INDEX audit_outbox_create_time_idx ON audit_outbox (create_time);

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['sharing_consent', 'sharing_contribution', 'sharing_benchmark', 'audit_outbox']) AS name;
SELECT pg_temp.isolate_platform('sharing_month');
