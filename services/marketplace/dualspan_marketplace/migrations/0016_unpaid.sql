-- That a bill is not paid holds whatever state a subscription is in, until whoever is paid says otherwise.
SET LOCAL lock_timeout = '5s';

-- It is cancelled then; NULL: nothing is owed.
ALTER TABLE subscription ADD COLUMN unpaid_end timestamptz;
CREATE INDEX subscription_unpaid_idx ON subscription (unpaid_end) WHERE unpaid_end IS NOT NULL;

ALTER TABLE subscription NO FORCE ROW LEVEL SECURITY;
UPDATE subscription SET unpaid_end = grace_end, grace_end = NULL
WHERE state = 'suspended' AND cause = 'unpaid' AND grace_end IS NOT NULL;
ALTER TABLE subscription FORCE ROW LEVEL SECURITY;

-- The payment side is told, too, of what changes nothing but that.
CREATE OR REPLACE FUNCTION tell_fulfilment() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.canary_of <> '' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.state, OLD.plan_id, OLD.max_assets, OLD.unpaid_end)
            IS NOT DISTINCT FROM (NEW.state, NEW.plan_id, NEW.max_assets, NEW.unpaid_end) THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO fulfilment_event (tenant_id, subscription_id, body)
    VALUES (NEW.tenant_id, NEW.subscription_id, jsonb_build_object(
        'subscription', 'tenants/' || NEW.tenant_id || '/subscriptions/' || NEW.subscription_id,
        'app', NEW.app_id,
        'version', NEW.version,
        'plan', NEW.plan_id,
        'quantity', NEW.max_assets,
        'state', NEW.state,
        'cause', CASE WHEN NEW.unpaid_end IS NULL THEN NEW.cause ELSE 'unpaid' END,
        'revision', NEW.revision,
        'time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ));
    RETURN NULL;
END
$$;
