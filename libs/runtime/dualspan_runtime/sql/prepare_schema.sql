-- What must be there before a service's migrations run. Safe to repeat. Placeholders: schema, role, platform.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{platform}') THEN
        CREATE ROLE {platform} NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} LOGIN NOINHERIT;
    END IF;
    -- The service may become the platform role, but must not inherit it: row-level security would no longer hold.
    -- NOINHERIT before the grant says so to PostgreSQL 15 (by role) and to later ones (by grant) alike.
    IF NOT pg_has_role('{role}', '{platform}', 'MEMBER') THEN
        GRANT {platform} TO {role};
    END IF;
    IF pg_has_role('{role}', '{platform}', 'USAGE') THEN
        RAISE EXCEPTION 'role {role} inherits {platform}; revoke the membership and migrate again';
    END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS {schema};
GRANT USAGE ON SCHEMA {schema} TO {role}, {platform};

CREATE TABLE IF NOT EXISTS {schema}.schema_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON {schema}.schema_migration TO {role}, {platform};
DO $$
BEGIN
    -- Whether an older program may run on what the migration left. Not asked for where it is there: that would lock.
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = '{schema}.schema_migration'::regclass AND attname = 'additive'
    ) THEN
        ALTER TABLE {schema}.schema_migration ADD COLUMN additive boolean NOT NULL DEFAULT false;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = '{schema}.schema_migration'::regclass) THEN
        ALTER TABLE {schema}.schema_migration ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY ledger_read ON {schema}.schema_migration FOR SELECT USING (true);
        CREATE POLICY ledger_write ON {schema}.schema_migration TO CURRENT_USER USING (true);
    END IF;
END
$$;

ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}, {platform};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}, {platform};

-- Rows of one tenant: seen in that tenant's transactions and in the platform's.
CREATE OR REPLACE FUNCTION pg_temp.isolate_tenant(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s USING (tenant_id = current_setting(''dualspan.tenant'', true))', target
    );
    EXECUTE format('CREATE POLICY platform_access ON %s TO {platform} USING (true)', target);
END
$$;

-- Rows that belong to no tenant: seen in the platform's transactions only.
CREATE OR REPLACE FUNCTION pg_temp.isolate_platform(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY platform_access ON %s TO {platform} USING (true)', target);
END
$$;
