-- What a month of looks at a device found, one look a minute: core.kpi.Watched.
CREATE TABLE watched (
    site text NOT NULL,
    month text NOT NULL,
    device text NOT NULL,
    system text NOT NULL,
    looks bigint NOT NULL,
    intact bigint NOT NULL,
    asked bigint NOT NULL,
    online bigint NOT NULL,
    PRIMARY KEY (site, month, device, system)
);
CREATE INDEX ticket_opened ON ticket (site, opened_at);
