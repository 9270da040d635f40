-- Why a notice was given up, for people; the key that signs links stands in `meta`.
ALTER TABLE outbox ADD COLUMN why text NOT NULL DEFAULT '';
