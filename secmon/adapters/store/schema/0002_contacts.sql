-- How a person is reached: api.Contact as JSON, or empty.
ALTER TABLE person ADD COLUMN contact text NOT NULL DEFAULT '';
