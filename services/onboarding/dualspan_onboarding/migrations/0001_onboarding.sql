-- Gateways, OPC UA servers, what browsing found, tags, and what is still to be told to other services.

-- Tag ids are unique on the platform and never used again, whatever happens to the tag.
CREATE SEQUENCE tag_id AS bigint;

CREATE TABLE gateway (
    tenant_id               text        NOT NULL,
    gateway_id              text        NOT NULL,
    display_name            text        NOT NULL,
    site                    text        NOT NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    enrolled_at             timestamptz,
    certificate_expire_at   timestamptz,
    -- Desired: revoked. Observed: identity has confirmed it.
    revoked_at              timestamptz,
    revocation_reason       text        NOT NULL DEFAULT '',
    revocation_confirmed_at timestamptz,
    -- The stream that speaks for the gateway now; a newer one takes over.
    session_id              uuid,
    last_seen_at            timestamptz,
    desired_revision        bigint      NOT NULL DEFAULT 1,
    observed_revision       bigint      NOT NULL DEFAULT 0,
    -- When the gateway confirmed that revision.
    confirmed_at            timestamptz,
    -- What the gateway last said of itself (GatewayStatus).
    software_version        text        NOT NULL DEFAULT '',
    buffered_frames         bigint      NOT NULL DEFAULT 0,
    buffered_bytes          bigint      NOT NULL DEFAULT 0,
    oldest_buffered_age_us  bigint      NOT NULL DEFAULT 0,
    buffer_full             boolean     NOT NULL DEFAULT false,
    clock_offset_us         bigint      NOT NULL DEFAULT 0,
    received_samples        bigint      NOT NULL DEFAULT 0,
    overflowed_samples      bigint      NOT NULL DEFAULT 0,
    memory_bytes            bigint      NOT NULL DEFAULT 0,
    CONSTRAINT gateway_pkey PRIMARY KEY (tenant_id, gateway_id)
);

CREATE TABLE enrolment_token (
    tenant_id     text        NOT NULL,
    -- SHA-256 of the secret: 256 random bits need no slow hash.
    secret_sha256 bytea       NOT NULL,
    gateway_id    text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expire_at     timestamptz NOT NULL,
    used_at       timestamptz,
    superseded_at timestamptz,
    CONSTRAINT enrolment_token_pkey PRIMARY KEY (tenant_id, secret_sha256),
    CONSTRAINT enrolment_token_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE,
    CONSTRAINT enrolment_token_lifetime_check CHECK (expire_at <= created_at + interval '1 hour')
);
CREATE INDEX enrolment_token_secret_idx ON enrolment_token (secret_sha256);
CREATE INDEX enrolment_token_gateway_idx ON enrolment_token (tenant_id, gateway_id);

CREATE TABLE opc_ua_server (
    tenant_id                  text        NOT NULL,
    gateway_id                 text        NOT NULL,
    server_id                  text        NOT NULL,
    display_name               text        NOT NULL,
    endpoint_url               text        NOT NULL,
    security_mode              smallint    NOT NULL,
    security_policy            smallint    NOT NULL,
    username                   text        NOT NULL,
    -- AES-256-GCM; NULL if there is no password.
    password_sealed            bytea,
    trusted_certificate_sha256 text        NOT NULL,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    -- The finished browse whose nodes are the snapshot; NULL before the first.
    snapshot_browse_id         uuid,
    -- What the gateway last said of it (ServerStatus).
    connection_state           smallint    NOT NULL DEFAULT 0,
    status_detail              text        NOT NULL DEFAULT '',
    monitored_items            integer     NOT NULL DEFAULT 0,
    clock_offset_us            bigint      NOT NULL DEFAULT 0,
    untrusted_certificate      bytea       NOT NULL DEFAULT '',
    CONSTRAINT opc_ua_server_pkey PRIMARY KEY (tenant_id, gateway_id, server_id),
    CONSTRAINT opc_ua_server_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE
);

-- A browse is a long-running operation; its row is the operation.
-- The work behind a long-running operation (table operation), which has its outcome.
CREATE TABLE browse (
    tenant_id      text        NOT NULL,
    browse_id      uuid        NOT NULL,
    gateway_id     text        NOT NULL,
    server_id      text        NOT NULL,
    operation_name text        NOT NULL,
    root_node_id   text        NOT NULL,
    max_nodes      integer     NOT NULL,
    -- 1 queued, 2 running, 3 ended
    state          smallint    NOT NULL DEFAULT 1,
    -- Rises when the command is sent again; results of earlier attempts are dropped.
    attempt        integer     NOT NULL DEFAULT 0,
    session_id     uuid,
    node_count     bigint      NOT NULL DEFAULT 0,
    variable_count bigint      NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    progressed_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT browse_pkey PRIMARY KEY (tenant_id, browse_id),
    CONSTRAINT browse_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);
-- One unfinished browse per server.
CREATE UNIQUE INDEX browse_unfinished_key ON browse (tenant_id, gateway_id, server_id) WHERE state < 3;
CREATE INDEX browse_server_idx ON browse (tenant_id, gateway_id, server_id);

CREATE TABLE browsed_node (
    tenant_id                    text             NOT NULL,
    browse_id                    uuid             NOT NULL,
    node_id                      text             NOT NULL COLLATE "C",
    browse_path                  text             NOT NULL COLLATE "C",
    display_name                 text             NOT NULL,
    node_class                   integer          NOT NULL,
    data_type                    text             NOT NULL,
    kind                         smallint         NOT NULL,
    value_rank                   integer          NOT NULL,
    access_level                 bigint           NOT NULL,
    unit                         text             NOT NULL,
    minimum_sampling_interval_ms double precision NOT NULL,
    CONSTRAINT browsed_node_pkey PRIMARY KEY (tenant_id, browse_id, node_id),
    CONSTRAINT browsed_node_browse_fkey FOREIGN KEY (tenant_id, browse_id)
        REFERENCES browse ON DELETE CASCADE
);
CREATE INDEX browsed_node_path_idx ON browsed_node (tenant_id, browse_id, browse_path, node_id);

-- A deleted tag's row stays: its stored samples are still there to be explained.
CREATE TABLE tag (
    tenant_id                    text        NOT NULL,
    tag_id                       bigint      NOT NULL DEFAULT nextval('tag_id'),
    gateway_id                   text        NOT NULL,
    server_id                    text        NOT NULL,
    node_id                      text        NOT NULL COLLATE "C",
    browse_path                  text        NOT NULL COLLATE "C",
    display_name                 text        NOT NULL,
    kind                         smallint    NOT NULL,
    data_type                    text        NOT NULL,
    unit                         text        NOT NULL,
    sampling_interval_us         bigint      NOT NULL,
    publishing_interval_us       bigint      NOT NULL,
    queue_size                   bigint      NOT NULL,
    -- 1 pending, 2 active, 3 refused
    state                        smallint    NOT NULL DEFAULT 1,
    status_code                  bigint      NOT NULL DEFAULT 0,
    state_detail                 text        NOT NULL DEFAULT '',
    revised_sampling_interval_us bigint      NOT NULL DEFAULT 0,
    created_at                   timestamptz NOT NULL DEFAULT now(),
    -- Desired: stored. Observed: the historian knows it, so the gateway may be told.
    registered_at                timestamptz,
    -- Desired: not stored. Observed: the historian has stopped accepting it.
    deleted_at                   timestamptz,
    deleted_revision             bigint,
    retired_at                   timestamptz,
    CONSTRAINT tag_pkey PRIMARY KEY (tenant_id, tag_id),
    CONSTRAINT tag_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE
);
CREATE UNIQUE INDEX tag_node_key ON tag (tenant_id, gateway_id, server_id, node_id) WHERE deleted_at IS NULL;
CREATE INDEX tag_unregistered_idx ON tag (tenant_id) WHERE registered_at IS NULL AND deleted_at IS NULL;
CREATE INDEX tag_unretired_idx ON tag (tenant_id) WHERE deleted_at IS NOT NULL AND retired_at IS NULL;

-- Audit events that identity has not confirmed yet, written in the transaction of what they tell of.
CREATE TABLE audit_outbox (
    tenant_id     text        NOT NULL,
    event_id      uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    actor         text        NOT NULL,
    action        text        NOT NULL,
    resource      text        NOT NULL,
    detail_keys   text[]      NOT NULL,
    detail_values text[]      NOT NULL,
    request_id    text        NOT NULL,
    -- Whoever delivers it has it to itself until then.
    leased_until  timestamptz,
    CONSTRAINT audit_outbox_pkey PRIMARY KEY (tenant_id, event_id)
);
CREATE INDEX audit_outbox_created_idx ON audit_outbox (created_at);

SELECT pg_temp.isolate_tenant('gateway');
SELECT pg_temp.isolate_tenant('enrolment_token');
SELECT pg_temp.isolate_tenant('opc_ua_server');
SELECT pg_temp.isolate_tenant('browse');
SELECT pg_temp.isolate_tenant('browsed_node');
SELECT pg_temp.isolate_tenant('tag');
SELECT pg_temp.isolate_tenant('audit_outbox');
