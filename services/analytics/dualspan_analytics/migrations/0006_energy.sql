-- Tariffs and emission factors of tenants' own.
SET LOCAL lock_timeout = '5s';

-- `document` is the whole of it.
CREATE TABLE energy_definition (
    tenant_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tariff', 'emission_factor')),
    definition_id text NOT NULL COLLATE "C",
    document jsonb NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kind, definition_id)
);

SELECT pg_temp.isolate_tenant('energy_definition');
