-- The newest gaps of one gateway are found without reading those of all.
SET LOCAL lock_timeout = '5s';

CREATE INDEX gap_gateway ON gap (tenant_id, gateway_id, gap_id);
