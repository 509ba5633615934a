-- Why a way out was refused, in a word that programs and other languages know.
SET LOCAL lock_timeout = '5s';

ALTER TABLE egress_refusal ADD COLUMN code text NOT NULL DEFAULT '' COLLATE "C";
