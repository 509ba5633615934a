-- Tags that apps write their results to. Ids come from the sequence of all tags.
SET LOCAL lock_timeout = '5s';

CREATE TABLE result_tag (
    tenant_id       text        NOT NULL,
    tag_id          bigint      NOT NULL DEFAULT nextval('tag_id'),
    subscription_id text        NOT NULL COLLATE "C",
    -- Empty for a result of the whole subscription. What was written stays when the asset goes, hence no reference.
    asset_id        text        NOT NULL COLLATE "C",
    output          text        NOT NULL COLLATE "C",
    kind            smallint    NOT NULL CHECK (kind BETWEEN 1 AND 5),
    unit            text        NOT NULL COLLATE "C",
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- Nothing more is accepted.
    retired_at      timestamptz,
    CONSTRAINT result_tag_pkey PRIMARY KEY (tenant_id, tag_id)
);
-- A result of another kind, or in another unit, is another tag.
CREATE UNIQUE INDEX result_tag_key ON result_tag (tenant_id, subscription_id, asset_id, output, kind, unit);

SELECT pg_temp.isolate_tenant('result_tag');
