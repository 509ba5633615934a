-- Upgrades of subscriptions: what is gone from and to, how far it is, what came of it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE subscription
    -- Of a new version that is tried beside the old one: the subscription that it is tried for. Else ''.
    ADD COLUMN canary_of text NOT NULL DEFAULT '' COLLATE "C";

CREATE TABLE upgrade (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    -- The first one of a subscription is 1.
    number integer NOT NULL,
    phase text NOT NULL CHECK (phase IN ('canary', 'switching', 'switched', 'rolled-back', 'abandoned')),
    -- Id of the subscription that the new version runs as, beside the old one.
    canary_id text NOT NULL COLLATE "C",
    -- What was there before, to go back to: version, manifest, scopes, configuration, roles, granted tags.
    snapshot jsonb NOT NULL,
    from_version text NOT NULL COLLATE "C",
    to_version text NOT NULL COLLATE "C",
    -- Seconds that the canary runs for, as the new manifest says.
    canary_seconds double precision NOT NULL,
    operation text NOT NULL,
    called_off boolean NOT NULL DEFAULT false,
    -- Why it ended as it did.
    reason text NOT NULL DEFAULT '',
    -- [{"output", "asset", "samples", "within", "missing", "largest", "share"}]
    compared jsonb NOT NULL DEFAULT '[]',
    create_time timestamptz NOT NULL DEFAULT now(),
    -- The canary was well for the first time.
    canary_time timestamptz,
    -- The new version began in the old one's place.
    switch_time timestamptz,
    end_time timestamptz,
    -- Nothing of it is left to do.
    settled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, subscription_id, number),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription (tenant_id, subscription_id) ON DELETE CASCADE
);
-- One at a time.
CREATE UNIQUE INDEX upgrade_running_key ON upgrade (tenant_id, subscription_id)
    WHERE phase IN ('canary', 'switching');
CREATE INDEX upgrade_unsettled_idx ON upgrade (tenant_id, subscription_id, number) WHERE NOT settled;

SELECT pg_temp.isolate_tenant('upgrade');
