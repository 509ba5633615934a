-- Gateways as a fleet: how their last run ended, and when a new box was wanted.

ALTER TABLE gateway
    ADD COLUMN replaced_at      timestamptz,
    -- Last words: 0 none, else as in the contract (GatewayEnd).
    ADD COLUMN last_end         smallint NOT NULL DEFAULT 0,
    ADD COLUMN last_ended_at    timestamptz,
    ADD COLUMN last_started_at  timestamptz,
    ADD COLUMN last_end_detail  text NOT NULL DEFAULT '',
    ADD COLUMN last_end_version text NOT NULL DEFAULT '';
