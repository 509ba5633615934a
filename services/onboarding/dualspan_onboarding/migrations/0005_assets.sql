-- Asset models of tenants, assets with bound properties, and mappings that were proposed, applied and undone.

CREATE TABLE asset_model (
    tenant_id  text        NOT NULL,
    model_id   text        NOT NULL,
    version    text        NOT NULL,
    -- The document as it was written, YAML.
    source     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asset_model_pkey PRIMARY KEY (tenant_id, model_id, version)
);

CREATE TABLE asset (
    tenant_id     text        NOT NULL,
    asset_id      text        NOT NULL,
    display_name  text        NOT NULL,
    -- ISA-95: 1 site, 2 area, 3 line (work centre), 4 machine (work unit)
    level         smallint    NOT NULL,
    parent_id     text,
    -- Empty for none.
    model_id      text        NOT NULL,
    model_version text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asset_pkey PRIMARY KEY (tenant_id, asset_id),
    CONSTRAINT asset_parent_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES asset
);
CREATE INDEX asset_parent_idx ON asset (tenant_id, parent_id);

CREATE TABLE asset_binding (
    tenant_id   text             NOT NULL,
    asset_id    text             NOT NULL,
    property    text             NOT NULL,
    -- From 1 for indexed properties, 0 otherwise.
    number      integer          NOT NULL,
    tag_id      bigint           NOT NULL,
    -- Value of the property = sample × unit_factor + unit_offset.
    unit_factor double precision NOT NULL,
    unit_offset double precision NOT NULL,
    unit_known  boolean          NOT NULL,
    CONSTRAINT asset_binding_pkey PRIMARY KEY (tenant_id, asset_id, property, number),
    CONSTRAINT asset_binding_asset_fkey FOREIGN KEY (tenant_id, asset_id) REFERENCES asset ON DELETE CASCADE,
    CONSTRAINT asset_binding_tag_fkey FOREIGN KEY (tenant_id, tag_id) REFERENCES tag ON DELETE CASCADE
);
CREATE INDEX asset_binding_tag_idx ON asset_binding (tenant_id, tag_id);

CREATE TABLE mapping_proposal (
    tenant_id   text        NOT NULL,
    proposal_id uuid        NOT NULL,
    gateway_id  text        NOT NULL,
    server_id   text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- Variables that were looked at.
    variables   integer     NOT NULL,
    CONSTRAINT mapping_proposal_pkey PRIMARY KEY (tenant_id, proposal_id),
    CONSTRAINT mapping_proposal_server_fkey FOREIGN KEY (tenant_id, gateway_id, server_id)
        REFERENCES opc_ua_server ON DELETE CASCADE
);
CREATE INDEX mapping_proposal_server_idx ON mapping_proposal (tenant_id, gateway_id, server_id);

CREATE TABLE mapping_group (
    tenant_id     text             NOT NULL,
    proposal_id   uuid             NOT NULL,
    -- In order of browse path, from 1.
    number        integer          NOT NULL,
    browse_path   text             NOT NULL,
    display_name  text             NOT NULL,
    asset_id      text             NOT NULL,
    model_id      text             NOT NULL,
    model_version text             NOT NULL,
    confidence    double precision NOT NULL,
    reason        text             NOT NULL,
    family        integer          NOT NULL,
    -- Browse paths of variables of the machine for which nothing is proposed.
    unmatched     text[]           NOT NULL,
    -- The asset that it has become.
    applied_asset text,
    CONSTRAINT mapping_group_pkey PRIMARY KEY (tenant_id, proposal_id, number),
    CONSTRAINT mapping_group_proposal_fkey FOREIGN KEY (tenant_id, proposal_id)
        REFERENCES mapping_proposal ON DELETE CASCADE
);

CREATE TABLE mapping_match (
    tenant_id    text             NOT NULL,
    proposal_id  uuid             NOT NULL,
    group_number integer          NOT NULL,
    node_id      text             NOT NULL COLLATE "C",
    -- Empty: somebody has said that it is none of the model's properties.
    property     text             NOT NULL,
    number       integer          NOT NULL,
    browse_path  text             NOT NULL,
    confidence   double precision NOT NULL,
    reason       text             NOT NULL,
    unit         text             NOT NULL,
    unit_factor  double precision NOT NULL,
    unit_offset  double precision NOT NULL,
    unit_known   boolean          NOT NULL,
    CONSTRAINT mapping_match_pkey PRIMARY KEY (tenant_id, proposal_id, group_number, node_id),
    CONSTRAINT mapping_match_group_fkey FOREIGN KEY (tenant_id, proposal_id, group_number)
        REFERENCES mapping_group ON DELETE CASCADE
);
CREATE UNIQUE INDEX mapping_match_property_key ON mapping_match (tenant_id, proposal_id, group_number, property, number)
    WHERE property <> '';

-- What was applied, with all that is needed to take it back.
CREATE TABLE mapping_application (
    tenant_id      text        NOT NULL,
    application_id uuid        NOT NULL,
    proposal_id    uuid        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_at      timestamptz,
    -- Assets and tags that it made.
    assets         text[]      NOT NULL,
    tag_ids        bigint[]    NOT NULL,
    -- Groups that it applied.
    groups         integer[]   NOT NULL,
    CONSTRAINT mapping_application_pkey PRIMARY KEY (tenant_id, application_id)
);
CREATE INDEX mapping_application_created_idx ON mapping_application (tenant_id, created_at, application_id);

CREATE TABLE mapping_change (
    tenant_id      text             NOT NULL,
    application_id uuid             NOT NULL,
    asset_id       text             NOT NULL,
    property       text             NOT NULL,
    number         integer          NOT NULL,
    tag_id         bigint           NOT NULL,
    -- What was bound before; NULL for nothing.
    was_tag_id     bigint,
    was_factor     double precision,
    was_offset     double precision,
    was_known      boolean,
    CONSTRAINT mapping_change_pkey PRIMARY KEY (tenant_id, application_id, asset_id, property, number),
    CONSTRAINT mapping_change_application_fkey FOREIGN KEY (tenant_id, application_id)
        REFERENCES mapping_application ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant('asset_model');
SELECT pg_temp.isolate_tenant('asset');
SELECT pg_temp.isolate_tenant('asset_binding');
SELECT pg_temp.isolate_tenant('mapping_proposal');
SELECT pg_temp.isolate_tenant('mapping_group');
SELECT pg_temp.isolate_tenant('mapping_match');
SELECT pg_temp.isolate_tenant('mapping_application');
SELECT pg_temp.isolate_tenant('mapping_change');
