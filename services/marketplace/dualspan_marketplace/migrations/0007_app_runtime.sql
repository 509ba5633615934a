-- What an app has of its own: its credential, the tags of its results, its health.
SET LOCAL lock_timeout = '5s';

ALTER TABLE subscription
    -- Access tokens that were signed for an earlier one are void.
    ADD COLUMN credential bigint NOT NULL DEFAULT 0,
    -- The tags of its results may not be as they should be.
    ADD COLUMN outputs_due boolean NOT NULL DEFAULT false,
    -- One more for each change of those tags, which are a part of the grant and none of what a person changes.
    ADD COLUMN outputs_revision bigint NOT NULL DEFAULT 0,
    ADD COLUMN health_problem text NOT NULL DEFAULT '',
    ADD COLUMN health_time timestamptz;
CREATE INDEX subscription_outputs_due_idx ON subscription (tenant_id, subscription_id) WHERE outputs_due;

CREATE TABLE output_tag (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    -- Empty for a result of the whole subscription.
    asset_id text NOT NULL COLLATE "C",
    output text NOT NULL COLLATE "C",
    kind text NOT NULL,
    unit text NOT NULL,
    tag_id bigint NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, asset_id, output),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription (tenant_id, subscription_id) ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant('output_tag');
