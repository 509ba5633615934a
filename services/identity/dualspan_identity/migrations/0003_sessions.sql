-- What people see in the list of their sessions. Empty for those that began before.
SET LOCAL lock_timeout = '5s';

ALTER TABLE session ADD COLUMN user_agent text NOT NULL DEFAULT '', ADD COLUMN address text NOT NULL DEFAULT '';
