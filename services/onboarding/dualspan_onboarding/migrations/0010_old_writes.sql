-- Which write commands are so old that only the audit log keeps them.
SET LOCAL lock_timeout = '5s';

CREATE INDEX write_command_ended_idx ON write_command (ended_at) WHERE ended_at IS NOT NULL;
