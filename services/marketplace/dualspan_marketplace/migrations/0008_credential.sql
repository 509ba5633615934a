-- Which credential what runs was given: another one counts after a person has voided its tokens.
SET LOCAL lock_timeout = '5s';

ALTER TABLE deployment ADD COLUMN credential bigint NOT NULL DEFAULT 0;
