-- What a browse finds beyond names, and more than one finished browse of a server.

ALTER TABLE browse
    -- Counts the finished browses of a server; NULL before the end.
    ADD COLUMN number    bigint,
    ADD COLUMN ended_at  timestamptz,
    -- It stopped at max_nodes.
    ADD COLUMN truncated boolean NOT NULL DEFAULT false,
    -- What is missing and why, and what the server did against the standard.
    ADD COLUMN warnings  text[]  NOT NULL DEFAULT '{}';
UPDATE browse SET number = 1, ended_at = progressed_at WHERE state = 3;
CREATE UNIQUE INDEX browse_number_key ON browse (tenant_id, gateway_id, server_id, number) WHERE number IS NOT NULL;

ALTER TABLE browsed_node
    ADD COLUMN browse_name       text    NOT NULL DEFAULT '',
    ADD COLUMN parent_node_id    text    NOT NULL DEFAULT '' COLLATE "C",
    ADD COLUMN type_definition   text    NOT NULL DEFAULT '' COLLATE "C",
    ADD COLUMN type_name         text    NOT NULL DEFAULT '',
    ADD COLUMN description       text    NOT NULL DEFAULT '',
    ADD COLUMN user_access_level bigint  NOT NULL DEFAULT 0,
    ADD COLUMN event_notifier    bigint  NOT NULL DEFAULT 0,
    ADD COLUMN data_type_id      text    NOT NULL DEFAULT '',
    -- What few nodes have is NULL for the others, which takes no room.
    ADD COLUMN array_dimensions  bigint[],
    ADD COLUMN unit_namespace    text,
    ADD COLUMN unit_id           bigint,
    ADD COLUMN unit_code         text,
    ADD COLUMN unit_name         text,
    ADD COLUMN unit_description  text,
    ADD COLUMN eu_low            double precision,
    ADD COLUMN eu_high           double precision,
    ADD COLUMN instrument_low    double precision,
    ADD COLUMN instrument_high   double precision,
    ADD COLUMN enum_values       bigint[],
    ADD COLUMN enum_names        text[],
    ADD COLUMN field_names       text[],
    ADD COLUMN field_types       text[],
    ADD COLUMN field_ranks       integer[],
    -- 1: the field may be left out of a value.
    ADD COLUMN field_optional    smallint[];

-- Types that the nodes of a browse have, and their supertypes.
CREATE TABLE browsed_type (
    tenant_id   text NOT NULL,
    browse_id   uuid NOT NULL,
    node_id     text NOT NULL COLLATE "C",
    browse_name text NOT NULL,
    -- Empty at the root.
    supertype   text NOT NULL COLLATE "C",
    CONSTRAINT browsed_type_pkey PRIMARY KEY (tenant_id, browse_id, node_id),
    CONSTRAINT browsed_type_browse_fkey FOREIGN KEY (tenant_id, browse_id)
        REFERENCES browse ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant('browsed_type');
