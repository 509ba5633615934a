-- What frames and segments take once they are decoded: a few bytes of compressed text may be a megabyte. 0: written
-- before this was counted.
SET LOCAL lock_timeout = '5s';

ALTER TABLE frame ADD COLUMN decoded_bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN decoded_bytes bigint NOT NULL DEFAULT 0;

-- A segment is finished when it has enough samples or enough bytes.
DROP INDEX segment_open;
CREATE INDEX segment_open ON segment (tenant_id, gateway_id, tag_id)
    WHERE sample_count < 32768 AND decoded_bytes < 8388608;

-- The payloads that are still kept, by gateway.
CREATE INDEX quarantined_payload ON quarantined_frame (tenant_id, gateway_id, quarantine_id)
    WHERE octet_length(payload) > 0;
