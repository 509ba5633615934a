-- Work that gateways carry out, what discovery found, and servers that call their gateway.

-- A command is a long-running operation (table operation), which has its outcome; the row goes when it has one.
CREATE TABLE command (
    tenant_id        text        NOT NULL,
    command_id       uuid        NOT NULL,
    gateway_id       text        NOT NULL,
    -- Empty if it is not about one server.
    server_id        text        NOT NULL,
    operation_name   text        NOT NULL,
    -- The name of its field in ConnectResponse.Command.work.
    kind             text        NOT NULL,
    -- ConnectResponse.Command, AES-256-GCM: it may hold a password or a value for a machine.
    request_sealed   bytea       NOT NULL,
    -- What the one who asked wants to have back with the outcome.
    reference        text        NOT NULL,
    -- Doing it twice does no harm. If not, it is sent once and never again.
    repeatable       boolean     NOT NULL,
    -- 1 queued, 2 sent, 3 lost: sent, not repeatable, and the stream ended before its outcome came
    state            smallint    NOT NULL DEFAULT 1,
    -- Rises when it is sent again.
    attempt          integer     NOT NULL DEFAULT 0,
    session_id       uuid,
    step             text        NOT NULL DEFAULT '',
    percent          smallint    NOT NULL DEFAULT 0,
    -- Desired: stopped. Observed: the stream has told the gateway.
    cancel_wanted    boolean     NOT NULL DEFAULT false,
    cancel_told      boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    progressed_at    timestamptz NOT NULL DEFAULT now(),
    expire_at        timestamptz NOT NULL,
    CONSTRAINT command_pkey PRIMARY KEY (tenant_id, command_id),
    CONSTRAINT command_gateway_fkey FOREIGN KEY (tenant_id, gateway_id) REFERENCES gateway ON DELETE CASCADE,
    CONSTRAINT command_state_check CHECK (state BETWEEN 1 AND 3 AND (state <> 3 OR NOT repeatable))
);
CREATE INDEX command_gateway_idx ON command (tenant_id, gateway_id);

-- Each server as a gateway saw it last.
CREATE TABLE discovered_server (
    tenant_id     text        NOT NULL,
    gateway_id    text        NOT NULL,
    discovery_url text        NOT NULL COLLATE "C",
    seen_at       timestamptz NOT NULL DEFAULT now(),
    -- dualspan.onboarding.v1.DiscoveredServer
    found         bytea       NOT NULL,
    CONSTRAINT discovered_server_pkey PRIMARY KEY (tenant_id, gateway_id, discovery_url),
    CONSTRAINT discovered_server_gateway_fkey FOREIGN KEY (tenant_id, gateway_id)
        REFERENCES gateway ON DELETE CASCADE
);

ALTER TABLE opc_ua_server
    -- The server calls the gateway; nothing is connected to it.
    ADD COLUMN reverse_connect boolean NOT NULL DEFAULT false,
    -- The application URI that it must have; '' is not checked.
    ADD COLUMN server_uri      text    NOT NULL DEFAULT '';

SELECT pg_temp.isolate_tenant('command');
SELECT pg_temp.isolate_tenant('discovered_server');
