-- Alarms by ISA-18.2. Times that end in _us are microseconds since the Unix epoch, by the clock of the samples.

CREATE TABLE alarm_rule (
    tenant_id  text        NOT NULL,
    rule_id    text        NOT NULL COLLATE "C",
    revision   bigint      NOT NULL,
    -- dualspan.analytics.v1.AlarmRule
    definition bytea       NOT NULL,
    -- What the evaluation found wrong with it, asset by asset.
    troubles   text[]      NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now(),
    updater    text        NOT NULL,
    CONSTRAINT alarm_rule_pkey PRIMARY KEY (tenant_id, rule_id)
);

CREATE TABLE alarm (
    tenant_id        text             NOT NULL,
    alarm_id         text             NOT NULL COLLATE "C",
    rule_id          text             NOT NULL COLLATE "C",
    asset_id         text             NOT NULL,
    property         text             NOT NULL,
    property_index   integer          NOT NULL,
    level            text             NOT NULL,
    message          text             NOT NULL,
    condition        boolean          NOT NULL,
    acknowledged     boolean          NOT NULL,
    latched          boolean          NOT NULL,
    suppressed       boolean          NOT NULL,
    out_of_service   boolean          NOT NULL,
    -- Wall clock; NULL: not shelved.
    shelved_until_us bigint,
    -- The one state of the standard that follows from these.
    state            smallint         NOT NULL,
    priority         smallint         NOT NULL,
    escalated        boolean          NOT NULL,
    -- Wall clock; NULL: nothing to escalate.
    escalate_us      bigint,
    value            double precision NOT NULL,
    raised_us        bigint,
    cleared_us       bigint,
    actor            text             NOT NULL,
    comment          text             NOT NULL,
    -- Of an OPC UA condition: the event that was applied last.
    event_us         bigint           NOT NULL DEFAULT 0,
    event_id         bytea            NOT NULL DEFAULT '',
    CONSTRAINT alarm_pkey PRIMARY KEY (tenant_id, alarm_id),
    CONSTRAINT alarm_state_check CHECK (state BETWEEN 1 AND 9)
);
CREATE INDEX alarm_list_idx ON alarm (tenant_id, priority DESC, raised_us DESC, alarm_id) WHERE state <> 1;
CREATE INDEX alarm_rule_idx ON alarm (tenant_id, rule_id);
CREATE INDEX alarm_due_idx ON alarm (tenant_id, LEAST(shelved_until_us, escalate_us))
    WHERE shelved_until_us IS NOT NULL OR escalate_us IS NOT NULL;

-- What happened stays: nothing here is ever changed.
CREATE TABLE alarm_transition (
    tenant_id     text             NOT NULL,
    sequence      bigint           GENERATED ALWAYS AS IDENTITY,
    alarm_id      text             NOT NULL COLLATE "C",
    rule_id       text             NOT NULL COLLATE "C",
    cause         smallint         NOT NULL,
    from_state    smallint         NOT NULL,
    to_state      smallint         NOT NULL,
    event_us      bigint           NOT NULL,
    recorded_us   bigint           NOT NULL,
    actor         text             NOT NULL,
    comment       text             NOT NULL,
    value         double precision NOT NULL,
    priority      smallint         NOT NULL,
    rule_revision bigint           NOT NULL,
    left_out      bigint           NOT NULL,
    CONSTRAINT alarm_transition_pkey PRIMARY KEY (tenant_id, sequence)
);
CREATE INDEX alarm_transition_time_idx ON alarm_transition (tenant_id, event_us);
CREATE INDEX alarm_transition_alarm_idx ON alarm_transition (tenant_id, alarm_id, sequence DESC);

-- How far the evaluation of a tenant is, and which replica does it. Who does not hold the lease commits nothing.
CREATE TABLE alarm_evaluation (
    tenant_id    text        NOT NULL,
    owner        uuid,
    leased_until timestamptz,
    -- The conditions that the standing is of, and the standing: columns, compressed.
    conditions   bytea,
    standing     bytea,
    evaluated_us bigint      NOT NULL DEFAULT 0,
    late_samples bigint      NOT NULL DEFAULT 0,
    CONSTRAINT alarm_evaluation_pkey PRIMARY KEY (tenant_id)
);

CREATE TABLE notification_channel (
    tenant_id  text        NOT NULL,
    channel_id text        NOT NULL COLLATE "C",
    -- dualspan.analytics.v1.NotificationChannel, without its secret
    definition bytea       NOT NULL,
    -- Sealed with the platform's secret.
    secret     bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notification_channel_pkey PRIMARY KEY (tenant_id, channel_id)
);

CREATE TABLE notification_delivery (
    tenant_id   text        NOT NULL,
    delivery_id uuid        NOT NULL DEFAULT gen_random_uuid(),
    channel_id  text        NOT NULL COLLATE "C",
    alarm_id    text        NOT NULL COLLATE "C",
    sequence    bigint      NOT NULL,
    -- What is said, as JSON: the same in every attempt.
    body        bytea       NOT NULL,
    -- 1 pending, 2 delivered, 3 failed
    state       smallint    NOT NULL DEFAULT 1,
    attempts    integer     NOT NULL DEFAULT 0,
    detail      text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    next_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    CONSTRAINT notification_delivery_pkey PRIMARY KEY (tenant_id, delivery_id),
    CONSTRAINT notification_delivery_channel_fkey FOREIGN KEY (tenant_id, channel_id)
        REFERENCES notification_channel ON DELETE CASCADE
);
-- One message about one transition to one channel, whatever is repeated.
CREATE UNIQUE INDEX notification_delivery_key ON notification_delivery (tenant_id, channel_id, sequence);
CREATE INDEX notification_delivery_due_idx ON notification_delivery (next_at) WHERE state = 1;

SELECT pg_temp.isolate_tenant('alarm_rule');
SELECT pg_temp.isolate_tenant('alarm');
SELECT pg_temp.isolate_tenant('alarm_transition');
SELECT pg_temp.isolate_tenant('alarm_evaluation');
SELECT pg_temp.isolate_tenant('notification_channel');
SELECT pg_temp.isolate_tenant('notification_delivery');
