-- What people have to look at, whom gateways trust, and which certificates end when.

-- A row per reason and resource for as long as the reason holds; resolved rows are kept for a while.
CREATE TABLE notice (
    tenant_id        text        NOT NULL,
    notice_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
    kind             text        NOT NULL,
    -- 1 information, 2 warning, 3 critical
    severity         smallint    NOT NULL,
    resource         text        NOT NULL,
    body             text        NOT NULL,
    remedy           text        NOT NULL,
    detail_keys      text[]      NOT NULL,
    detail_values    text[]      NOT NULL,
    -- gateways/{gateway}; empty for the platform.
    raised_by        text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    acknowledged_at  timestamptz,
    acknowledged_by  text        NOT NULL DEFAULT '',
    acknowledge_note text        NOT NULL DEFAULT '',
    resolved_at      timestamptz,
    CONSTRAINT notice_pkey PRIMARY KEY (tenant_id, notice_id)
);
CREATE UNIQUE INDEX notice_unresolved_key ON notice (tenant_id, kind, resource) WHERE resolved_at IS NULL;
CREATE INDEX notice_created_idx ON notice (tenant_id, created_at DESC, notice_id DESC);

SELECT pg_temp.isolate_tenant('notice');
