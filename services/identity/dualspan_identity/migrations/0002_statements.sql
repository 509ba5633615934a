-- The keys that statements are signed with. Private keys are sealed with a key derived from DUALSPAN_SERVICE_SECRET.
SET LOCAL lock_timeout = '5s';

CREATE TABLE statement_key (
    key_id text PRIMARY KEY,
    certificate_chain_pem text NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    renew_at timestamptz NOT NULL
);
SELECT pg_temp.isolate_platform('statement_key');
