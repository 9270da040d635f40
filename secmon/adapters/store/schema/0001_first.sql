-- The first schema. It never changes: what is new comes as a migration of its own.
-- Times are RFC 3339 text in UTC with six decimals, so the order of the text is the order of time.
-- Truth is 0 or 1. A `data` column holds the whole object as JSON; the columns beside it are for
-- questions and constraints only.

CREATE TABLE meta (
    site text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (site, name)
);

-- The last number given: journal lines, outbox rows, tickets of a year.
CREATE TABLE counter (
    site text NOT NULL,
    name text NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (site, name)
);

-- Faults that are not clear.
CREATE TABLE fault (
    site text NOT NULL,
    device text NOT NULL,
    rule text NOT NULL,
    part text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (site, device, rule, part)
);

-- `ordinal` is year * 1000000 + the number within the year: the order in which tickets opened.
CREATE TABLE ticket (
    site text NOT NULL,
    id text NOT NULL,
    number text NOT NULL,
    ordinal bigint NOT NULL,
    version integer NOT NULL,
    device text NOT NULL,
    rule text NOT NULL,
    reading text NOT NULL,
    part text NOT NULL,
    state text NOT NULL,
    opened_at text NOT NULL,
    ended_at text,
    data text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE UNIQUE INDEX ticket_ordinal ON ticket (site, ordinal);
CREATE UNIQUE INDEX ticket_open ON ticket (site, device, rule, reading, part)
    WHERE ended_at IS NULL AND rule <> '';
CREATE INDEX ticket_fault ON ticket (site, device, rule, part, ordinal);
CREATE INDEX ticket_device ON ticket (site, device, ordinal);
CREATE INDEX ticket_state ON ticket (site, state, ordinal);

-- Lines are only ever added. `subject` is the id of a ticket or of a device.
CREATE TABLE journal (
    site text NOT NULL,
    id bigint NOT NULL,
    at text NOT NULL,
    subject text NOT NULL,
    what text NOT NULL,
    why text NOT NULL,
    who text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX journal_subject ON journal (site, subject, id);

-- One row for each notice and channel. `state` is pending, told or never; `snapshot` is the ticket
-- as it was at the commit.
CREATE TABLE outbox (
    site text NOT NULL,
    id bigint NOT NULL,
    key text NOT NULL,
    channel text NOT NULL,
    at text NOT NULL,
    data text NOT NULL,
    snapshot text NOT NULL,
    tries integer NOT NULL,
    next_at text,
    state text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE UNIQUE INDEX outbox_key ON outbox (site, key);
CREATE INDEX outbox_state ON outbox (site, state, channel, id, next_at);

-- What devices said of themselves: serial, stream_uri …
CREATE TABLE fact (
    site text NOT NULL,
    device text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (site, device, name)
);

-- Bounded bytes that drivers keep.
CREATE TABLE memory (
    site text NOT NULL,
    device text NOT NULL,
    part text NOT NULL,
    name text NOT NULL,
    size integer NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (site, device, part, name)
);

-- Pictures that opened or worsened a fault.
CREATE TABLE evidence (
    site text NOT NULL,
    ticket text NOT NULL,
    at text NOT NULL,
    picture bytea NOT NULL,
    PRIMARY KEY (site, ticket, at)
);
CREATE INDEX evidence_at ON evidence (site, at);

-- One hour of one logged reading; `at` is the hour's start.
CREATE TABLE hour (
    site text NOT NULL,
    device text NOT NULL,
    reading text NOT NULL,
    part text NOT NULL,
    at text NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    total double precision NOT NULL,
    times bigint NOT NULL,
    PRIMARY KEY (site, device, reading, part, at)
);
CREATE INDEX hour_at ON hour (site, at);

-- Who may log in. `password` is an scrypt text, or empty: none.
CREATE TABLE person (
    site text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password text NOT NULL,
    created_at text NOT NULL,
    PRIMARY KEY (site, name)
);

-- `sha256` is the hex digest of the token; the token itself is kept nowhere.
CREATE TABLE token (
    site text NOT NULL,
    sha256 text NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    created_at text NOT NULL,
    used_at text,
    expires_at text,
    PRIMARY KEY (site, sha256)
);
CREATE INDEX token_person ON token (site, person, name);
