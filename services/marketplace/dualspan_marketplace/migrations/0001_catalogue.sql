-- Publishers, their apps, versions with their checks and pictures, and plans.
SET LOCAL lock_timeout = '5s';

CREATE TABLE publisher (
    tenant_id text PRIMARY KEY,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    website text NOT NULL,
    contact text NOT NULL,
    signing_key text NOT NULL,
    -- `public` once something of it is published: subscribers read who made an app.
    visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'public'))
);

-- An id belongs to whoever used it first, over all tenants.
CREATE TABLE app (
    tenant_id text NOT NULL,
    app_id text NOT NULL COLLATE "C",
    PRIMARY KEY (tenant_id, app_id)
);
CREATE UNIQUE INDEX app_id_key ON app (app_id);

CREATE TABLE app_version (
    tenant_id text NOT NULL,
    app_id text NOT NULL COLLATE "C",
    version text NOT NULL COLLATE "C",
    -- Orders as SemVer does.
    version_order text NOT NULL COLLATE "C",
    state text NOT NULL
        CHECK (state IN ('draft', 'submitted', 'in-review', 'published', 'deprecated', 'withdrawn')),
    manifest text NOT NULL,
    -- Of manifest, pictures and signatures: the same draft again is no other one.
    content_digest bytea NOT NULL,
    -- [{"payload": base64, "signature": base64}]
    signatures jsonb NOT NULL,
    -- [{"check", "outcome", "findings": []}]
    checks jsonb NOT NULL DEFAULT '[]',
    operation text NOT NULL DEFAULT '',
    approver text NOT NULL DEFAULT '',
    remark text NOT NULL DEFAULT '',
    -- What the catalogue shows and searches, set with the checks.
    industries text[] NOT NULL DEFAULT '{}',
    domains text[] NOT NULL DEFAULT '{}',
    name_words text[] NOT NULL DEFAULT '{}',
    words text[] NOT NULL DEFAULT '{}',
    create_time timestamptz NOT NULL DEFAULT now(),
    state_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, app_id, version),
    -- What pictures take their visibility from.
    CONSTRAINT app_version_state_key UNIQUE (tenant_id, app_id, version, state),
    FOREIGN KEY (tenant_id, app_id) REFERENCES app (tenant_id, app_id)
);
CREATE INDEX app_version_words_idx ON app_version USING gin (words) WHERE state = 'published';
CREATE INDEX app_version_published_idx ON app_version (app_id, version_order DESC) WHERE state = 'published';
CREATE INDEX app_version_waiting_idx ON app_version (state, state_time) WHERE state IN ('submitted', 'in-review');

CREATE TABLE picture (
    tenant_id text NOT NULL,
    app_id text NOT NULL COLLATE "C",
    version text NOT NULL COLLATE "C",
    path text NOT NULL COLLATE "C",
    -- That of its version, always.
    state text NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, app_id, version, path),
    CONSTRAINT picture_version_fkey FOREIGN KEY (tenant_id, app_id, version, state)
        REFERENCES app_version (tenant_id, app_id, version, state) ON UPDATE CASCADE ON DELETE CASCADE
);
ALTER TABLE picture ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE plan (
    tenant_id text NOT NULL,
    app_id text NOT NULL COLLATE "C",
    plan_id text NOT NULL COLLATE "C",
    name_en text NOT NULL,
    name_zh text NOT NULL,
    model text NOT NULL CHECK (model IN ('free', 'trial', 'flat', 'per-asset-hour')),
    price_micros bigint NOT NULL CHECK (price_micros >= 0),
    currency text NOT NULL,
    trial_days integer NOT NULL,
    max_assets integer NOT NULL,
    state text NOT NULL CHECK (state IN ('prepared', 'offered', 'retired')),
    PRIMARY KEY (tenant_id, app_id, plan_id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES app (tenant_id, app_id)
);

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['publisher', 'app', 'app_version', 'picture', 'plan']) AS name;

-- What is published is read by every tenant, and only read: SELECT alone has these policies. In a transaction without a
-- tenant there is still nothing.
CREATE POLICY published_read ON publisher FOR SELECT
    USING (visibility = 'public' AND current_setting('dualspan.tenant', true) <> '');
CREATE POLICY published_read ON app_version FOR SELECT
    USING (state IN ('published', 'deprecated') AND current_setting('dualspan.tenant', true) <> '');
CREATE POLICY published_read ON picture FOR SELECT
    USING (state IN ('published', 'deprecated') AND current_setting('dualspan.tenant', true) <> '');
CREATE POLICY published_read ON plan FOR SELECT
    USING (state = 'offered' AND current_setting('dualspan.tenant', true) <> '');
