-- Annotations count their states, so that nobody overwrites unseen, and know who changed them last. What was taken away
-- is found by its time, to be forgotten.
SET LOCAL lock_timeout = '5s';

ALTER TABLE annotation
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- Null: nobody has changed it.
    ADD COLUMN editor  text;

CREATE INDEX annotation_deleted_idx ON annotation (tenant_id, delete_time) WHERE delete_time IS NOT NULL;
CREATE INDEX dashboard_deleted_idx ON dashboard (tenant_id, delete_time) WHERE delete_time IS NOT NULL;
