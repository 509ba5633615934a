-- What people have to look at, whom gateways trust, and which certificates end when.

-- A row per reason and resource for as long as the reason holds; resolved rows are kept for a while.
CREATE TABLE notice (
    tenant_id        text        NOT NULL,
    notice_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
    kind             text        NOT NULL,
    -- 1 information, 2 warning, 3 critical
    severity         smallint    NOT NULL,
    resource         text        NOT NULL,
    body             text        NOT NULL,
    remedy           text        NOT NULL,
    detail_keys      text[]      NOT NULL,
    detail_values    text[]      NOT NULL,
    -- gateways/{gateway}; empty for the platform.
    raised_by        text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    acknowledged_at  timestamptz,
    acknowledged_by  text        NOT NULL DEFAULT '',
    acknowledge_note text        NOT NULL DEFAULT '',
    resolved_at      timestamptz,
    CONSTRAINT notice_pkey PRIMARY KEY (tenant_id, notice_id)
);
CREATE UNIQUE INDEX notice_unresolved_key ON notice (tenant_id, kind, resource) WHERE resolved_at IS NULL;
CREATE INDEX notice_created_idx ON notice (tenant_id, created_at DESC, notice_id DESC);

SELECT pg_temp.isolate_tenant('notice');

-- Whom gateways trust beside the approved certificates of their servers.
CREATE TABLE trusted_certificate (
    tenant_id        text        NOT NULL,
    entry_id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    -- NULL: every gateway of the tenant.
    gateway_id       text,
    -- 1 a server's certificate itself, 2 an authority, 3 an issuer that only completes chains
    use              smallint    NOT NULL,
    certificate      bytea       NOT NULL,
    sha256           text        NOT NULL,
    subject          text        NOT NULL,
    issuer           text        NOT NULL,
    not_before       timestamptz NOT NULL,
    not_after        timestamptz NOT NULL,
    -- 1 required, 2 may be out of date, 3 only if there is a list
    revocation_check smallint    NOT NULL,
    note             text        NOT NULL,
    added_by         text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    -- The authority's revocation list, DER, with what it says; NULL if there is none.
    crl              bytea,
    crl_number       numeric,
    crl_updated_at   timestamptz,
    crl_next_at      timestamptz,
    crl_revoked      bigint      NOT NULL DEFAULT 0,
    CONSTRAINT trusted_certificate_pkey PRIMARY KEY (tenant_id, entry_id),
    CONSTRAINT trusted_certificate_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE
);
CREATE UNIQUE INDEX trusted_certificate_sha256_key
    ON trusted_certificate (tenant_id, coalesce(gateway_id, ''), sha256);

-- Certificates that gateways have or see, as they said last.
CREATE TABLE known_certificate (
    tenant_id   text        NOT NULL,
    gateway_id  text        NOT NULL,
    -- Empty: the gateway's own.
    server_id   text        NOT NULL,
    -- 1 towards the platform, 2 towards servers, 3 a server's
    use         smallint    NOT NULL,
    sha256      text        NOT NULL,
    certificate bytea       NOT NULL,
    -- NULL and empty where it cannot be read.
    subject     text        NOT NULL,
    issuer      text        NOT NULL,
    not_before  timestamptz,
    not_after   timestamptz,
    -- Own: 1 in use, 2 upcoming. A server's: the verdict, 1 untrusted, 2 approved, 3 listed, 4 issued.
    standing    smallint    NOT NULL,
    detail      text        NOT NULL,
    -- Of the gateway's certificates, those that the server refuses.
    refuses     text[]      NOT NULL DEFAULT '{}',
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Another one has taken its place.
    replaced_at timestamptz,
    CONSTRAINT known_certificate_pkey PRIMARY KEY (tenant_id, gateway_id, server_id, use, sha256),
    CONSTRAINT known_certificate_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant('trusted_certificate');
SELECT pg_temp.isolate_tenant('known_certificate');
