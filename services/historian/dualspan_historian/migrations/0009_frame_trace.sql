-- A frame that is traced is sealed in its trace. Few are: the column is empty for all others.
SET LOCAL lock_timeout = '5s';

ALTER TABLE frame ADD COLUMN traceparent text;
