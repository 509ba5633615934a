-- A long-running operation: metadata, response and error are google.protobuf.Any and google.rpc.Status, serialised.
CREATE TABLE operation (
    tenant_id text NOT NULL,
    operation_id text NOT NULL,
    resource text NOT NULL,
    actor text NOT NULL,
    metadata bytea NOT NULL,
    done boolean NOT NULL DEFAULT false,
    response bytea,
    error bytea,
    cancel_requested boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, operation_id),
    CONSTRAINT operation_outcome CHECK (done = (response IS NOT NULL OR error IS NOT NULL)),
    CONSTRAINT operation_one_outcome CHECK (response IS NULL OR error IS NULL)
);
CREATE INDEX operation_newest ON operation (tenant_id, created_at DESC, operation_id DESC);
CREATE INDEX operation_running ON operation (tenant_id, updated_at) WHERE NOT done;
SELECT pg_temp.isolate_tenant('operation');
