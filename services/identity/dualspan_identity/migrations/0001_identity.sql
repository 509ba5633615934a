-- Tenants, users, sessions, API tokens, keys, certificates and the audit log.

CREATE TABLE tenant (
    tenant_id text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9-]{1,40}$'),
    display_name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT pg_temp.isolate_tenant('tenant');

CREATE TABLE account (
    tenant_id text NOT NULL REFERENCES tenant,
    user_id text NOT NULL,
    email text NOT NULL,
    display_name text NOT NULL,
    roles text[] NOT NULL,
    password_hash text NOT NULL,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_pkey PRIMARY KEY (tenant_id, user_id)
);
CREATE UNIQUE INDEX account_email_key ON account (lower(email));
SELECT pg_temp.isolate_tenant('account');

-- Failed attempts to sign in, by the hash of what was typed as e-mail address: the same for addresses that nobody has.
CREATE TABLE sign_in_attempt (
    email_hash bytea PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    blocked_until timestamptz NOT NULL DEFAULT '-infinity',
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_attempt_age ON sign_in_attempt (updated_at);
SELECT pg_temp.isolate_platform('sign_in_attempt');

CREATE TABLE session (
    tenant_id text NOT NULL,
    session_id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES account
);
CREATE UNIQUE INDEX session_token ON session (tenant_id, token_hash);
CREATE INDEX session_of_user ON session (tenant_id, user_id);
SELECT pg_temp.isolate_tenant('session');

CREATE TABLE api_token (
    tenant_id text NOT NULL,
    token_id text NOT NULL,
    display_name text NOT NULL,
    roles text[] NOT NULL,
    secret_hash bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, token_id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES account
);
CREATE UNIQUE INDEX api_token_secret ON api_token (tenant_id, secret_hash);
CREATE INDEX api_token_newest ON api_token (tenant_id, created_at DESC, token_id DESC);
SELECT pg_temp.isolate_tenant('api_token');

-- Private keys are sealed with a key derived from DUALSPAN_SERVICE_SECRET.
CREATE TABLE signing_key (
    key_id text PRIMARY KEY,
    public_key_pem text NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
SELECT pg_temp.isolate_platform('signing_key');

CREATE TABLE gateway_ca (
    ca_id text PRIMARY KEY,
    certificate_pem text NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT pg_temp.isolate_platform('gateway_ca');

CREATE TABLE gateway_certificate (
    tenant_id text NOT NULL REFERENCES tenant,
    serial text NOT NULL,
    gateway_id text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, serial)
);
CREATE INDEX gateway_certificate_gateway ON gateway_certificate (tenant_id, gateway_id) WHERE revoked_at IS NULL;
CREATE INDEX gateway_certificate_revoked ON gateway_certificate (expires_at) WHERE revoked_at IS NOT NULL;
SELECT pg_temp.isolate_tenant('gateway_certificate');

CREATE TABLE audit_event (
    tenant_id text NOT NULL REFERENCES tenant,
    event_id bigint GENERATED ALWAYS AS IDENTITY,
    event_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    request_id text NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);
SELECT pg_temp.isolate_tenant('audit_event');
-- What is written stays: nobody who serves requests may change it or take it away.
REVOKE UPDATE, DELETE, TRUNCATE ON audit_event FROM dualspan_identity, dualspan_identity_platform;
