-- +goose Up
CREATE TABLE sites (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    zone       TEXT    NOT NULL,  -- as in Europe/Berlin
    country    TEXT    NOT NULL,  -- as in US; empty: not said
    languages  TEXT    NOT NULL,  -- tags, with a blank between two
    weekend    TEXT    NOT NULL,  -- digits of days, 0 is Sunday
    cut_off    INTEGER NOT NULL,  -- minutes after midnight
    phone      TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    version    INTEGER NOT NULL
);

CREATE TABLE site_holidays (
    site_id TEXT NOT NULL REFERENCES sites (id),
    day     TEXT NOT NULL,        -- YYYY-MM-DD
    name    TEXT NOT NULL,
    PRIMARY KEY (site_id, day)
);

CREATE TABLE site_services (
    id             TEXT    NOT NULL PRIMARY KEY,
    site_id        TEXT    NOT NULL REFERENCES sites (id),
    name           TEXT    NOT NULL,
    minutes        INTEGER NOT NULL,
    ask_birth_date INTEGER NOT NULL CHECK (ask_birth_date IN (0, 1)),
    confidential   INTEGER NOT NULL CHECK (confidential IN (0, 1)),
    active         INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_at     BIGINT  NOT NULL,
    version        INTEGER NOT NULL
);
CREATE INDEX site_services_by_site ON site_services (site_id);

-- +goose Down
DROP TABLE site_services;
DROP TABLE site_holidays;
DROP TABLE sites;
