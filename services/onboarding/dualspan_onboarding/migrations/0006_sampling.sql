-- How tags are sampled, which part of a node they are, and what servers bear.

ALTER TABLE tag
    -- 1 value, 2 events
    ADD COLUMN source                smallint         NOT NULL DEFAULT 1,
    -- A field or an element of the value; '' is all of it.
    ADD COLUMN field_path            text             NOT NULL DEFAULT '' COLLATE "C",
    -- The part of an array that the server sends; '' is all of it.
    ADD COLUMN index_range           text             NOT NULL DEFAULT '' COLLATE "C",
    -- 1 subscription, 2 cyclic read
    ADD COLUMN mode                  smallint         NOT NULL DEFAULT 1,
    -- 1 none, 2 absolute, 3 per cent of the EURange
    ADD COLUMN deadband_type         smallint         NOT NULL DEFAULT 1,
    ADD COLUMN deadband_value        double precision NOT NULL DEFAULT 0,
    -- 1 status, 2 status or value, 3 status, value or timestamp
    ADD COLUMN trigger               smallint         NOT NULL DEFAULT 2,
    ADD COLUMN discard_newest        boolean          NOT NULL DEFAULT false,
    ADD COLUMN heartbeat_us          bigint           NOT NULL DEFAULT 0,
    ADD COLUMN register_node         boolean          NOT NULL DEFAULT false,
    ADD COLUMN minimum_severity      smallint         NOT NULL DEFAULT 0,
    -- As the gateway last reported.
    ADD COLUMN revised_queue_size    bigint           NOT NULL DEFAULT 0;

-- A node may be several tags: its events, its value, fields and elements of it.
DROP INDEX tag_node_key;
CREATE UNIQUE INDEX tag_node_key
    ON tag (tenant_id, gateway_id, server_id, node_id, source, field_path, index_range) WHERE deleted_at IS NULL;

-- What a server last stated of its limits; 0 where it states none.
CREATE TABLE server_limits (
    tenant_id                          text             NOT NULL,
    gateway_id                         text             NOT NULL,
    server_id                          text             NOT NULL,
    read_at                            timestamptz      NOT NULL DEFAULT now(),
    manufacturer_name                  text             NOT NULL,
    product_name                       text             NOT NULL,
    software_version                   text             NOT NULL,
    max_sessions                       bigint           NOT NULL,
    max_subscriptions                  bigint           NOT NULL,
    max_monitored_items                bigint           NOT NULL,
    max_subscriptions_per_session      bigint           NOT NULL,
    max_monitored_items_per_subscription bigint         NOT NULL,
    max_monitored_items_queue_size     bigint           NOT NULL,
    min_supported_sample_rate_ms       double precision NOT NULL,
    max_nodes_per_read                 bigint           NOT NULL,
    max_monitored_items_per_call       bigint           NOT NULL,
    max_nodes_per_browse               bigint           NOT NULL,
    max_nodes_per_register_nodes       bigint           NOT NULL,
    current_sessions                   bigint           NOT NULL,
    current_subscriptions              bigint           NOT NULL,
    own_subscriptions                  bigint           NOT NULL,
    CONSTRAINT server_limits_pkey PRIMARY KEY (tenant_id, gateway_id, server_id),
    CONSTRAINT server_limits_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);

-- What the gateway found in structures and arrays.
CREATE TABLE value_field (
    tenant_id   text     NOT NULL,
    gateway_id  text     NOT NULL,
    server_id   text     NOT NULL,
    node_id     text     NOT NULL COLLATE "C",
    path        text     NOT NULL COLLATE "C",
    place       integer  NOT NULL,
    data_type   text     NOT NULL,
    kind        smallint NOT NULL,
    length      bigint   NOT NULL,
    is_optional boolean  NOT NULL,
    CONSTRAINT value_field_pkey PRIMARY KEY (tenant_id, gateway_id, server_id, node_id, path),
    CONSTRAINT value_field_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);

-- The vendor profile that somebody chose; empty: as the server says of itself.
ALTER TABLE opc_ua_server ADD COLUMN load_profile text NOT NULL DEFAULT '';

SELECT pg_temp.isolate_tenant('server_limits');
SELECT pg_temp.isolate_tenant('value_field');
