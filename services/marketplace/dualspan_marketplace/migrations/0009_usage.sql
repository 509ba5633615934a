-- What subscriptions used, and what it cost. Hours are those of UTC.
SET LOCAL lock_timeout = '5s';

ALTER TABLE plan
    -- [{"dimension", "soft", "hard"}]
    ADD COLUMN quotas jsonb NOT NULL DEFAULT '[]';

-- As the plan was when it was chosen: the publisher may retire it, and then only the publisher sees its row.
ALTER TABLE subscription
    ADD COLUMN plan_model text NOT NULL DEFAULT 'free',
    ADD COLUMN price_micros bigint NOT NULL DEFAULT 0,
    ADD COLUMN currency text NOT NULL DEFAULT '',
    ADD COLUMN quotas jsonb NOT NULL DEFAULT '[]',
    -- What a person should know about the limits; '' as a rule.
    ADD COLUMN quota_notice text NOT NULL DEFAULT '',
    -- Why the app's reads are refused; '' as a rule.
    ADD COLUMN quota_exhausted text NOT NULL DEFAULT '',
    -- One more for each change of the two, which are none of what a person changes.
    ADD COLUMN quota_revision bigint NOT NULL DEFAULT 0;

-- A stretch of a subscription's life in which nothing changes that counts. Each lasts until the next one begins.
CREATE TABLE usage_stretch (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    number integer NOT NULL,
    start_time timestamptz NOT NULL,
    running boolean NOT NULL,
    assets integer NOT NULL,
    app_id text NOT NULL COLLATE "C",
    plan_id text NOT NULL COLLATE "C",
    plan_model text NOT NULL,
    price_micros bigint NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, number)
);

-- How far stretches have been counted as events.
CREATE TABLE usage_meter (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    metered_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id)
);

-- What was used in one hour, as one source knows it. The key is what makes it count once.
CREATE TABLE usage_event (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    dimension text NOT NULL COLLATE "C" CHECK (dimension IN
        ('running-hours', 'asset-hours', 'read-requests', 'read-samples', 'cpu-hours', 'memory-hours')),
    hour timestamptz NOT NULL,
    -- Number of the stretch; or who counts: a life of a process that answers reads, an instance of the app.
    source text NOT NULL COLLATE "C",
    -- In the dimension's smallest unit: microseconds, reads, samples, byte seconds.
    quantity bigint NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (tenant_id, subscription_id, dimension, hour, source)
);
CREATE INDEX usage_event_hour_idx ON usage_event (tenant_id, hour);

-- What was last seen of an instance's own counters.
CREATE TABLE usage_counter (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    instance text NOT NULL COLLATE "C",
    cpu_us bigint NOT NULL,
    seen_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, instance)
);

CREATE TABLE usage_baseline (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    kpi text NOT NULL,
    days integer NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id)
);

CREATE TABLE billing_account (
    tenant_id text PRIMARY KEY,
    -- '': that of the platform's setting.
    time_zone text NOT NULL DEFAULT '',
    -- Beginning of the month that is open; unset before anything was used.
    open_since timestamptz,
    next_number bigint NOT NULL DEFAULT 1
);

CREATE TABLE statement (
    tenant_id text NOT NULL,
    number bigint NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    time_zone text NOT NULL,
    close_time timestamptz NOT NULL,
    -- SHA-256 of what it says.
    digest bytea NOT NULL,
    PRIMARY KEY (tenant_id, number),
    CONSTRAINT statement_month_key UNIQUE (tenant_id, start_time)
);

CREATE TABLE statement_line (
    tenant_id text NOT NULL,
    number bigint NOT NULL,
    line integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('usage', 'correction', 'adjustment')),
    subscription_id text NOT NULL COLLATE "C",
    app_id text NOT NULL COLLATE "C",
    plan_id text NOT NULL COLLATE "C",
    -- '' of adjustments.
    dimension text NOT NULL COLLATE "C",
    -- In the dimension's smallest unit; so many of them are one `unit`.
    quantity bigint NOT NULL,
    unit_size bigint NOT NULL,
    unit text NOT NULL,
    price_micros bigint NOT NULL,
    -- '' where nothing is paid.
    currency text NOT NULL,
    -- In the currency's minor unit.
    amount bigint NOT NULL,
    -- Of the month that it is about.
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    reason text NOT NULL,
    -- '' but of adjustments.
    adjustment_id text NOT NULL COLLATE "C",
    PRIMARY KEY (tenant_id, number, line),
    FOREIGN KEY (tenant_id, number) REFERENCES statement (tenant_id, number)
);
CREATE UNIQUE INDEX statement_line_adjustment_key ON statement_line (tenant_id, adjustment_id)
    WHERE adjustment_id <> '';
CREATE INDEX statement_line_month_idx ON statement_line (tenant_id, start_time);

CREATE TABLE statement_comparison (
    tenant_id text NOT NULL,
    number bigint NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    app_id text NOT NULL COLLATE "C",
    kpi text NOT NULL,
    unit text NOT NULL,
    before_value double precision,
    before_good_share double precision NOT NULL,
    before_start_time timestamptz NOT NULL,
    before_end_time timestamptz NOT NULL,
    after_value double precision,
    after_good_share double precision NOT NULL,
    after_start_time timestamptz NOT NULL,
    after_end_time timestamptz NOT NULL,
    -- Why the two should not be compared; '' if the data are good enough.
    doubt text NOT NULL,
    -- What analytics says about the values.
    reason text NOT NULL,
    PRIMARY KEY (tenant_id, number, subscription_id),
    FOREIGN KEY (tenant_id, number) REFERENCES statement (tenant_id, number)
);

CREATE TABLE adjustment (
    tenant_id text NOT NULL,
    adjustment_id text NOT NULL COLLATE "C",
    -- Of the statement that it is about.
    number bigint NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    amount bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, adjustment_id),
    FOREIGN KEY (tenant_id, number) REFERENCES statement (tenant_id, number)
);

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY[
    'usage_stretch', 'usage_meter', 'usage_event', 'usage_counter', 'usage_baseline', 'billing_account', 'statement',
    'statement_line', 'statement_comparison', 'adjustment']) AS name;

-- What is closed never changes, whatever the code does.
REVOKE UPDATE, DELETE ON statement, statement_line, statement_comparison, adjustment, usage_stretch
    FROM dualspan_marketplace, dualspan_marketplace_platform;

-- Whoever changes a subscription begins a stretch in the same transaction: nothing that runs is left out, and nothing
-- that was rolled back counts. A stretch never begins within hours that have been counted: the meter's row is held.
CREATE FUNCTION begin_usage_stretch() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    now_running boolean := NEW.state IN ('active', 'upgrading');
    now_assets integer;
    latest usage_stretch%ROWTYPE;
    counted timestamptz;
BEGIN
    -- A canary is the platform's own try of a new version beside the old one: nobody pays for it. The column may be of
    -- a later migration than this.
    IF coalesce(to_jsonb(NEW) ->> 'canary_of', '') <> '' THEN
        RETURN NULL;
    END IF;
    SELECT count(DISTINCT asset) INTO now_assets
    FROM jsonb_each(NEW.roles) AS role, jsonb_array_elements_text(role.value) AS asset;
    SELECT * INTO latest FROM usage_stretch
    WHERE tenant_id = NEW.tenant_id AND subscription_id = NEW.subscription_id ORDER BY number DESC LIMIT 1;
    IF NOT now_running AND NOT coalesce(latest.running, false) THEN
        RETURN NULL;
    END IF;
    IF (latest.running, latest.assets, latest.plan_id, latest.plan_model, latest.price_micros, latest.currency)
        IS NOT DISTINCT FROM
        (now_running, now_assets, NEW.plan_id, NEW.plan_model, NEW.price_micros, NEW.currency) THEN
        RETURN NULL;
    END IF;
    INSERT INTO usage_meter (tenant_id, subscription_id, metered_until)
    VALUES (NEW.tenant_id, NEW.subscription_id, date_trunc('hour', clock_timestamp(), 'UTC'))
    ON CONFLICT DO NOTHING;
    SELECT metered_until INTO counted FROM usage_meter
    WHERE tenant_id = NEW.tenant_id AND subscription_id = NEW.subscription_id FOR UPDATE;
    INSERT INTO usage_stretch (tenant_id, subscription_id, number, start_time, running, assets, app_id, plan_id,
        plan_model, price_micros, currency)
    VALUES (NEW.tenant_id, NEW.subscription_id, coalesce(latest.number, 0) + 1,
        greatest(clock_timestamp(), counted, latest.start_time), now_running, now_assets, NEW.app_id, NEW.plan_id,
        NEW.plan_model, NEW.price_micros, NEW.currency);
    RETURN NULL;
END
$$;
CREATE TRIGGER begin_usage_stretch
    AFTER INSERT OR UPDATE OF state, roles, plan_id, plan_model, price_micros, currency ON subscription
    FOR EACH ROW EXECUTE FUNCTION begin_usage_stretch();

-- Of subscriptions that are there already: their plans as they are, and what runs counts from now on. The owner of the
-- tables sees all rows only while they do not force row-level security on it.
ALTER TABLE plan NO FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_stretch NO FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_meter NO FORCE ROW LEVEL SECURITY;
UPDATE subscription AS s SET plan_model = p.model, price_micros = p.price_micros, currency = p.currency
FROM plan AS p WHERE (p.tenant_id, p.app_id, p.plan_id) = (s.publisher, s.app_id, s.plan_id);
ALTER TABLE plan FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_stretch FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_meter FORCE ROW LEVEL SECURITY;
