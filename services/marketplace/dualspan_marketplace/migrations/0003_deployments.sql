-- What is known of what runs for each subscription. What really runs is asked of who runs it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE deployment (
    tenant_id text NOT NULL,
    subscription_id text NOT NULL COLLATE "C",
    -- Of the subscription; attempts and steps are of this one.
    generation bigint NOT NULL DEFAULT 0,
    -- Who runs it; '' until that is chosen, and again when nothing is left.
    provisioner text NOT NULL DEFAULT '' CHECK (provisioner IN ('', 'process', 'docker', 'helm')),
    -- Starts since it was last well.
    attempts integer NOT NULL DEFAULT 0,
    start_time timestamptz,
    -- The last time that it was seen well.
    well_time timestamptz,
    -- Why the last start failed.
    words text NOT NULL DEFAULT '',
    -- host:port of its pages as the platform reaches them; '' while nothing runs.
    address text NOT NULL DEFAULT '',
    -- A new credential is handed over then.
    renew_time timestamptz,
    -- Of the start or end that goes on; '' without one.
    operation text NOT NULL DEFAULT '',
    -- [{"step", "words", "time"}]: the latest ones.
    steps jsonb NOT NULL DEFAULT '[]',
    -- Nothing of it is there: nobody needs to look.
    clear boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, subscription_id),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription (tenant_id, subscription_id) ON DELETE CASCADE
);

SELECT pg_temp.isolate_tenant('deployment');
