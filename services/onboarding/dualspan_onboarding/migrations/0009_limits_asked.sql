-- When the platform last had a gateway read a server's limits without being asked by a person.
ALTER TABLE opc_ua_server ADD COLUMN limits_asked_at timestamptz;
