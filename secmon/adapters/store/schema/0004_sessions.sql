-- Who is logged in to the console. `sha256` is the hex digest of what the cookie holds, which
-- itself is kept nowhere.
CREATE TABLE session (
    site text NOT NULL,
    sha256 text NOT NULL,
    person text NOT NULL,
    created_at text NOT NULL,
    used_at text NOT NULL,
    PRIMARY KEY (site, sha256)
);
CREATE INDEX session_person ON session (site, person);
CREATE INDEX session_used ON session (site, used_at);

-- Log-in links that work once; of the secret in them the digest only.
CREATE TABLE login_link (
    site text NOT NULL,
    sha256 text NOT NULL,
    person text NOT NULL,
    expires_at text NOT NULL,
    PRIMARY KEY (site, sha256)
);
CREATE INDEX login_link_person ON login_link (site, person);
