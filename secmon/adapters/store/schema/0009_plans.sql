-- Where devices stand on floor plans: hundredths of a per cent of the plan's width and height.
CREATE TABLE spot (
    site text NOT NULL,
    floor text NOT NULL,
    device text NOT NULL,
    x integer NOT NULL,
    y integer NOT NULL,
    person text NOT NULL,
    placed_at text NOT NULL,
    PRIMARY KEY (site, floor, device)
);
