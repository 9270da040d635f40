-- Up to an hour of one probe's values by five minutes; `at` is the start of the first of them.
-- Rows live for 48 hours.
CREATE TABLE trace (
    site text NOT NULL,
    device text NOT NULL,
    probe text NOT NULL,
    at text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (site, device, probe, at)
);
CREATE INDEX trace_at ON trace (site, at);
