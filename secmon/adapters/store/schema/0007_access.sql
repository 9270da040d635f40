-- How each person logged in last, and what was tried in vain since.
CREATE TABLE login (
    site text NOT NULL,
    person text NOT NULL,
    wrong integer NOT NULL,
    locked_until text,
    last_at text,
    last_address text NOT NULL,
    must_change integer NOT NULL,
    PRIMARY KEY (site, person)
);

-- Where a session is used from; `before` is api.LastLogin as JSON: the log-in before this one.
ALTER TABLE session ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN agent text NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN before text NOT NULL DEFAULT '';

-- What a token may be used for, comma-separated; empty: all that its user may.
ALTER TABLE token ADD COLUMN scopes text NOT NULL DEFAULT '';

-- Who did what, from where; lines are only ever added, and leave after `retention.audit`. `sha256`
-- covers the line and the `sha256` before it.
CREATE TABLE audit (
    site text NOT NULL,
    id bigint NOT NULL,
    at text NOT NULL,
    who text NOT NULL,
    address text NOT NULL,
    what text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    why text NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX audit_at ON audit (site, at, id);

-- What people put to a ticket: pictures as written anew by us, PDF as they came. `kind` is jpeg, png
-- or pdf.
CREATE TABLE attachment (
    site text NOT NULL,
    id bigint NOT NULL,
    ticket text NOT NULL,
    at text NOT NULL,
    who text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    size integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX attachment_ticket ON attachment (site, ticket, id);
CREATE INDEX attachment_at ON attachment (site, kind, at);
