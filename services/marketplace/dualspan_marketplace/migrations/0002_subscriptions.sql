-- Subscriptions, and the tags that each app may read.
SET LOCAL lock_timeout = '5s';

CREATE TABLE subscription (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    -- The app's publisher, another tenant as a rule.
    publisher text NOT NULL,
    app_id text NOT NULL COLLATE "C",
    version text NOT NULL COLLATE "C",
    -- As it was published: a subscription goes on whatever becomes of the version's row.
    manifest text NOT NULL,
    plan_id text NOT NULL COLLATE "C",
    max_assets integer NOT NULL,
    is_paid boolean NOT NULL,
    -- Of a trial; else 0.
    trial_days integer NOT NULL,
    -- It is or was a trial: an enterprise has one of each app.
    was_trial boolean NOT NULL,
    configuration jsonb NOT NULL,
    -- Of the manifest: what the app's credential is for.
    scopes text[] NOT NULL,
    -- {"role": ["asset"]}
    roles jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL CHECK (state IN
        ('pending', 'provisioning', 'active', 'suspended', 'upgrading', 'cancelling', 'cancelled', 'failed')),
    generation bigint NOT NULL,
    cause text NOT NULL,
    reason text NOT NULL,
    trial_end timestamptz,
    grace_end timestamptz,
    hand_back_end timestamptz,
    -- One more for each change of the row: what an etag is made of.
    revision bigint NOT NULL DEFAULT 1,
    -- Of the creation; the same one again is no other subscription.
    request_id text,
    request_digest bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, subscription_id)
);
CREATE UNIQUE INDEX subscription_request_key ON subscription (tenant_id, request_id);
CREATE INDEX subscription_due_idx ON subscription ((least(trial_end, grace_end)))
    WHERE state IN ('active', 'suspended') AND (trial_end IS NOT NULL OR grace_end IS NOT NULL);

CREATE INDEX subscription_app_idx ON subscription (publisher, app_id, version);

CREATE TABLE granted_tag (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    role text NOT NULL COLLATE "C",
    asset_id text NOT NULL COLLATE "C",
    property text NOT NULL COLLATE "C",
    index integer NOT NULL,
    tag_id bigint NOT NULL,
    kind text NOT NULL,
    unit text NOT NULL,
    factor double precision NOT NULL,
    value_offset double precision NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, role, asset_id, property, index),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription (tenant_id, subscription_id) ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY['subscription', 'granted_tag']) AS name;
