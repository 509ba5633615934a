-- Who sends how many notifications at the same time, and scores by the time up to which they reach.
SET LOCAL lock_timeout = '5s';

-- While a message is being sent: until when at the longest. NULL: nobody sends it.
ALTER TABLE notification_delivery ADD COLUMN leased_until timestamptz;
CREATE INDEX notification_delivery_waiting_idx ON notification_delivery (tenant_id, channel_id, next_at)
    WHERE state = 1;
CREATE INDEX notification_delivery_leased_idx ON notification_delivery (leased_until)
    WHERE state = 1 AND leased_until IS NOT NULL;
CREATE INDEX anomaly_score_end_idx ON anomaly_score (tenant_id, definition_id, asset_id, end_us);
