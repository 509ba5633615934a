-- Which quarters of an hour each commit reached into, for those who keep results computed from samples: what was touched
-- after they looked may have changed. Versions count a gateway's commits; the row of its clock is locked by each of
-- them, so that they become visible in their order.
SET LOCAL lock_timeout = '5s';

CREATE TABLE touched_clock (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, gateway_id)
) WITH (fillfactor = 50);

-- `quarter` counts from 1970-01-01T00:00Z in 15 minutes.
CREATE TABLE touched (
    tenant_id text NOT NULL,
    gateway_id text NOT NULL,
    quarter bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, gateway_id, quarter)
) WITH (fillfactor = 70);

SELECT pg_temp.isolate_tenant(name::regclass) FROM unnest(ARRAY['touched_clock', 'touched']) AS name;
