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
SELECT pg_temp.isolate_tenant('audit_outbox');
