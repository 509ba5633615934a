-- Who has an app's pages open: first a ticket, then, once, the secret of a cookie.
SET LOCAL lock_timeout = '5s';

CREATE TABLE access (
    tenant_id text NOT NULL,
    access_id uuid NOT NULL DEFAULT gen_random_uuid(),
    subscription_id text NOT NULL COLLATE "C",
    -- users/{user} or apiTokens/{api_token}
    actor text NOT NULL,
    -- Of identity: the access ends with it; '' for an API token.
    session text NOT NULL,
    -- SHA-256. A row has one of the two: what a ticket has bought has none any more.
    ticket_digest bytea,
    secret_digest bytea,
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, access_id),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscription (tenant_id, subscription_id) ON DELETE CASCADE,
    CHECK ((ticket_digest IS NULL) <> (secret_digest IS NULL))
);
CREATE UNIQUE INDEX access_ticket_key ON access (tenant_id, ticket_digest);
CREATE UNIQUE INDEX access_secret_key ON access (tenant_id, secret_digest);
CREATE INDEX access_of_person ON access (tenant_id, actor, subscription_id, create_time);

SELECT pg_temp.isolate_tenant('access');
