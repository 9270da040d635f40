-- What people silenced while at work. Rows are never removed: what was ended before its time says so
-- in its `data`. `until` is when it is over.

CREATE TABLE silence (
    site text NOT NULL,
    id text NOT NULL,
    until text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX silence_until ON silence (site, until);
