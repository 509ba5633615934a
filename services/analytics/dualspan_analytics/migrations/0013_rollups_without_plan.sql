-- A record says itself with which plan it was made: what was rolled up before is computed anew.
SET LOCAL lock_timeout = '5s';

TRUNCATE rollup;
ALTER TABLE rollup DROP COLUMN plan;
