-- Tags in and out in bulk, and writing to machines.

ALTER TABLE opc_ua_server
    -- NamespaceArray as the last browse saw it: what an index in an imported file means.
    ADD COLUMN namespaces text[] NOT NULL DEFAULT '{}';

-- Variables that a file named before anything was known of their server; they become tags when it has been browsed.
CREATE TABLE waiting_variable (
    tenant_id       text        NOT NULL,
    gateway_id      text        NOT NULL,
    server_id       text        NOT NULL,
    -- The reference in one line, for people.
    reference       text        NOT NULL COLLATE "C",
    node_id         text        NOT NULL COLLATE "C",
    namespace_index integer     NOT NULL,
    browse_path     text[]      NOT NULL,
    source          smallint    NOT NULL,
    field_path      text        NOT NULL COLLATE "C",
    index_range     text        NOT NULL COLLATE "C",
    setting_names   text[]      NOT NULL,
    setting_values  text[]      NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- The browse in which it was last looked for, and why it could not be used.
    tried_browse_id uuid,
    detail          text        NOT NULL DEFAULT '',
    CONSTRAINT waiting_variable_pkey
        PRIMARY KEY (tenant_id, gateway_id, server_id, reference, source, field_path, index_range),
    CONSTRAINT waiting_variable_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);

CREATE TABLE write_guard (
    tenant_id        text        NOT NULL,
    guard_id         text        NOT NULL,
    gateway_id       text        NOT NULL,
    server_id        text        NOT NULL,
    -- The tag that may be written; NULL for a method.
    tag_id           bigint,
    object_id        text        NOT NULL DEFAULT '' COLLATE "C",
    method_id        text        NOT NULL DEFAULT '' COLLATE "C",
    enabled          boolean     NOT NULL,
    needs_approval   boolean     NOT NULL,
    lifetime_us      bigint      NOT NULL,
    -- dualspan.onboarding.v1.WriteGuard: limits, machine mode and tolerance.
    rules            bytea       NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    updater          text        NOT NULL,
    CONSTRAINT write_guard_pkey PRIMARY KEY (tenant_id, guard_id),
    CONSTRAINT write_guard_target_check CHECK ((tag_id IS NULL) = (method_id <> '')),
    CONSTRAINT write_guard_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);
-- One guard for each target: two would be as weak as the weaker one.
CREATE UNIQUE INDEX write_guard_tag_key ON write_guard (tenant_id, tag_id) WHERE tag_id IS NOT NULL;
CREATE UNIQUE INDEX write_guard_method_key ON write_guard (tenant_id, gateway_id, server_id, object_id, method_id)
    WHERE tag_id IS NULL;

-- What was asked of machines stays, with what came of it.
CREATE TABLE write_command (
    tenant_id      text        NOT NULL,
    command_id     uuid        NOT NULL,
    guard_id       text        NOT NULL,
    -- As the guard had it.
    gateway_id     text        NOT NULL,
    server_id      text        NOT NULL,
    request_id     text        NOT NULL,
    -- dualspan.onboarding.v1.WriteCommand: the value or the arguments.
    work           bytea       NOT NULL,
    reason         text        NOT NULL,
    -- 1 pending approval, 2 queued, 3 succeeded, 4 failed, 5 mismatched, 6 unknown, 7 rejected, 8 cancelled, 9 expired
    state          smallint    NOT NULL,
    requester      text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expire_at      timestamptz NOT NULL,
    decider        text        NOT NULL DEFAULT '',
    decided_at     timestamptz,
    comment        text        NOT NULL DEFAULT '',
    detail         text        NOT NULL DEFAULT '',
    operation_name text        NOT NULL DEFAULT '',
    -- dualspan.onboarding.v1.WriteOutcome
    outcome        bytea,
    ended_at       timestamptz,
    CONSTRAINT write_command_pkey PRIMARY KEY (tenant_id, command_id),
    CONSTRAINT write_command_state_check CHECK (state BETWEEN 1 AND 9),
    CONSTRAINT write_command_approver_check CHECK (state <> 2 OR decider = '' OR decider <> requester)
);
CREATE INDEX write_command_created_idx ON write_command (tenant_id, created_at DESC, command_id);
CREATE INDEX write_command_pending_idx ON write_command (expire_at) WHERE state = 1;
CREATE UNIQUE INDEX write_command_request_key ON write_command (tenant_id, requester, request_id)
    WHERE request_id <> '';

SELECT pg_temp.isolate_tenant('waiting_variable');
SELECT pg_temp.isolate_tenant('write_guard');
SELECT pg_temp.isolate_tenant('write_command');
