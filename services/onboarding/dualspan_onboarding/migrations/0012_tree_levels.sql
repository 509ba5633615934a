-- A level of a server's tree is found by the node above it.
SET LOCAL lock_timeout = '5s';

CREATE INDEX browsed_node_parent_idx ON browsed_node (tenant_id, browse_id, parent_node_id);
