-- A roll-up is one record, so that thousands come back as one string of bytes: header, versions of the data, cells,
-- and the products and orders that these name; `service/rollup_records.py` writes and reads it. What was rolled up before
-- is computed anew, by the worker or when somebody asks.
SET LOCAL lock_timeout = '5s';

TRUNCATE rollup;
ALTER TABLE rollup
    DROP COLUMN notes,
    DROP COLUMN depends_us,
    DROP COLUMN versions,
    DROP COLUMN labels,
    DROP COLUMN cells,
    ADD COLUMN record bytea NOT NULL;
ALTER TABLE rollup ALTER COLUMN record SET STORAGE EXTERNAL;
