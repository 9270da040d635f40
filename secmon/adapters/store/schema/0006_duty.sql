-- The duty book (DB33/T 830-2011, 4.4.1): overrides of the roster, hand-overs, trainings. Rows are
-- never removed: what was taken back says so in its `data`. A sealed hand-over is never written again.

CREATE TABLE duty_override (
    site text NOT NULL,
    id text NOT NULL,
    starts_at text NOT NULL,
    ends_at text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX duty_override_ends ON duty_override (site, ends_at);

-- `sealed` is 1 when both have signed.
CREATE TABLE hand_over (
    site text NOT NULL,
    id text NOT NULL,
    due_at text NOT NULL,
    sealed integer NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX hand_over_sealed ON hand_over (site, sealed);

-- `removed` is 1 where it was entered by mistake.
CREATE TABLE training (
    site text NOT NULL,
    id text NOT NULL,
    person text NOT NULL,
    removed integer NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (site, id)
);
CREATE INDEX training_removed ON training (site, removed);
