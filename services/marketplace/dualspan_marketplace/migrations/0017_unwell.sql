-- An app that should run and does not come up: its subscription says so, and its hours do not count.
SET LOCAL lock_timeout = '5s';

-- When it was seen well for the last time; NULL as a rule.
ALTER TABLE subscription ADD COLUMN unwell_since timestamptz;

CREATE OR REPLACE FUNCTION begin_usage_stretch() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    now_running boolean := NEW.state IN ('active', 'upgrading') AND NEW.unwell_since IS NULL;
    now_assets integer;
    latest usage_stretch%ROWTYPE;
    counted timestamptz;
BEGIN
    -- A canary is the platform's own try of a new version beside the old one: nobody pays for it.
    IF NEW.canary_of <> '' THEN
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
DROP TRIGGER begin_usage_stretch ON subscription;
CREATE TRIGGER begin_usage_stretch
    AFTER INSERT OR UPDATE OF state, unwell_since, roles, plan_id, plan_model, price_micros, currency ON subscription
    FOR EACH ROW EXECUTE FUNCTION begin_usage_stretch();
