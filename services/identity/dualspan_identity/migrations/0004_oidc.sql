-- Identity providers of enterprises (OpenID Connect). Client secrets and code verifiers are sealed with a key derived from
-- DUALSPAN_SERVICE_SECRET.
SET LOCAL lock_timeout = '5s';

CREATE TABLE oidc_provider (
    tenant_id text NOT NULL REFERENCES tenant,
    provider_id text NOT NULL,
    display_name text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    sealed_client_secret bytea NOT NULL,
    email_domains text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT oidc_provider_pkey PRIMARY KEY (tenant_id, provider_id)
);
SELECT pg_temp.isolate_tenant('oidc_provider');

-- Which person of ours a provider's person is, since the first time.
CREATE TABLE oidc_subject (
    tenant_id text NOT NULL,
    provider_id text NOT NULL,
    subject text NOT NULL,
    user_id text NOT NULL,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, provider_id, subject),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES oidc_provider ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES account ON DELETE CASCADE
);
-- One person of a provider for one of ours: an address that a provider gives to somebody else opens nothing.
CREATE UNIQUE INDEX oidc_subject_user ON oidc_subject (tenant_id, provider_id, user_id);
SELECT pg_temp.isolate_tenant('oidc_subject');

-- Signing in that has begun, by the hash of its state.
CREATE TABLE oidc_attempt (
    tenant_id text NOT NULL,
    state_hash bytea NOT NULL,
    provider_id text NOT NULL,
    nonce text NOT NULL,
    sealed_verifier bytea NOT NULL,
    redirect_uri text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, state_hash),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES oidc_provider ON DELETE CASCADE
);
CREATE INDEX oidc_attempt_age ON oidc_attempt (tenant_id, expires_at);
SELECT pg_temp.isolate_tenant('oidc_attempt');
