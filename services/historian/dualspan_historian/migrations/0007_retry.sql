-- How often somebody had a gap tried again that could not be repaired.
SET LOCAL lock_timeout = '5s';

ALTER TABLE gap ADD COLUMN attempts integer NOT NULL DEFAULT 0;
