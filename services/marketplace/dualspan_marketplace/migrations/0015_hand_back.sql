-- What of an ended subscription is handed back, and when it was deleted.
SET LOCAL lock_timeout = '5s';

ALTER TABLE output_tag
    -- It may be written to. What was written before belongs to what is handed back.
    ADD COLUMN current boolean NOT NULL DEFAULT true,
    DROP CONSTRAINT output_tag_pkey,
    ADD PRIMARY KEY (tenant_id, subscription_id, tag_id);
CREATE UNIQUE INDEX output_tag_current_key ON output_tag (tenant_id, subscription_id, asset_id, output) WHERE current;

ALTER TABLE subscription
    -- All that its app had and wrote is deleted since then.
    ADD COLUMN erase_time timestamptz;
CREATE INDEX subscription_hand_back_idx ON subscription (hand_back_end)
    WHERE state = 'cancelled' AND erase_time IS NULL;
