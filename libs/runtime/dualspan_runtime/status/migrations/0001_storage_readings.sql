-- What the service's tables took, hour by hour: from it grows the figure of how fast they grow.
CREATE TABLE storage_reading (
    table_name text NOT NULL COLLATE "C",
    -- One reading in each hour, whichever replica takes it.
    hour timestamptz NOT NULL,
    read_at timestamptz NOT NULL DEFAULT now(),
    bytes bigint NOT NULL,
    PRIMARY KEY (table_name, hour)
);
CREATE INDEX storage_reading_age ON storage_reading (hour);
SELECT pg_temp.isolate_platform('storage_reading');
