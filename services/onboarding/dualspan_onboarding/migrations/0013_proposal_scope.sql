-- What a proposal looked at, so that it is found again with what people have corrected in it.
SET LOCAL lock_timeout = '5s';

-- NULL for proposals of earlier releases: those are not found again.
ALTER TABLE mapping_proposal
    ADD COLUMN browse_id   uuid,
    ADD COLUMN path_prefix text   NOT NULL DEFAULT '',
    ADD COLUMN models      text[] NOT NULL DEFAULT '{}';
