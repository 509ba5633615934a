-- A training gives way to other tasks between machines, and goes on: what each machine was worth is kept with it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE fitted_model ADD COLUMN figures jsonb NOT NULL DEFAULT '{}';
