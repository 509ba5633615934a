-- Ways out that apps asked for and did not get; what a payment side asked of one subscription.
SET LOCAL lock_timeout = '5s';

CREATE TABLE egress_refusal (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    host text NOT NULL COLLATE "C",
    port integer NOT NULL,
    -- Of the latest time.
    why text NOT NULL,
    refuse_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, host, port)
);

CREATE INDEX fulfilment_operation_time_idx
    ON fulfilment_operation (tenant_id, subscription_id, receive_time, operation_id);

SELECT pg_temp.isolate_tenant('egress_refusal'::regclass);
