-- What a payment side asks for, each once, and what it is told.
SET LOCAL lock_timeout = '5s';

-- An operation's id counts once: asked again, the first answer is given.
CREATE TABLE fulfilment_operation (
    tenant_id text NOT NULL,
    operation_id text NOT NULL COLLATE "C",
    -- Of all that was asked: another thing under the same id is refused.
    digest bytea NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    action text NOT NULL
        CHECK (action IN ('change-plan', 'change-quantity', 'suspend', 'reinstate', 'unsubscribe')),
    succeeded boolean NOT NULL DEFAULT true,
    reason text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    -- Of the subscription, after it.
    state text NOT NULL DEFAULT '',
    receive_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, operation_id)
);

-- An outbox.
CREATE TABLE fulfilment_event (
    tenant_id text NOT NULL,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    subscription_id text NOT NULL COLLATE "C",
    body jsonb NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    -- Nobody sends it before; while somebody does, it is so far ahead that the attempt has ended by then.
    due_time timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, event_id)
);
CREATE INDEX fulfilment_event_due_idx ON fulfilment_event (due_time) WHERE state = 'waiting';

SELECT pg_temp.isolate_tenant(name::regclass)
FROM unnest(ARRAY['fulfilment_operation', 'fulfilment_event']) AS name;

-- Whoever changes a subscription tells of it in the same transaction: nothing is left out, and nothing that was rolled
-- back is told. What runs on trial is nobody's business outside.
CREATE FUNCTION tell_fulfilment() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.canary_of <> '' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.state, OLD.plan_id, OLD.max_assets) IS NOT DISTINCT FROM (NEW.state, NEW.plan_id, NEW.max_assets) THEN
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
        'cause', NEW.cause,
        'revision', NEW.revision,
        'time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ));
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_fulfilment
    AFTER INSERT OR UPDATE OF state, plan_id, max_assets ON subscription
    FOR EACH ROW EXECUTE FUNCTION tell_fulfilment();
