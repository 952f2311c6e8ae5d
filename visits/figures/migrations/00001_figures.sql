-- +goose Up
-- Sums over visits that are over, by the day of their planned start in the hospital's time zone. No row is about one person.
CREATE TABLE figures_days (
    day         TEXT   NOT NULL, -- YYYY-MM-DD
    site_id     TEXT   NOT NULL,
    service_id  TEXT   NOT NULL,
    language    TEXT   NOT NULL, -- of the patient, or else of the family; empty: not known
    took_place  BIGINT NOT NULL, -- visits
    no_show     BIGINT NOT NULL, -- likewise
    cancelled   BIGINT NOT NULL, -- likewise
    failed      BIGINT NOT NULL, -- likewise: somebody of the family came by their link, and nobody of them came into the visit
    interpreter BIGINT NOT NULL, -- likewise: one was asked for
    joins       BIGINT NOT NULL, -- people of families who came into a visit
    alone       BIGINT NOT NULL, -- of these, who needed no link a second time
    PRIMARY KEY (day, site_id, service_id, language)
);

-- How long families waited: from the planned start, or from when they came if that was later, until the first of them was let in.
CREATE TABLE figures_waits (
    day        TEXT   NOT NULL,
    site_id    TEXT   NOT NULL,
    service_id TEXT   NOT NULL,
    quarters   BIGINT NOT NULL, -- of a minute
    visits     BIGINT NOT NULL,
    PRIMARY KEY (day, site_id, service_id, quarters)
);

-- Which visits are in the sums.
CREATE TABLE figures_visits (
    visit_id TEXT   NOT NULL PRIMARY KEY,
    ends_at  BIGINT NOT NULL
);
CREATE INDEX figures_visits_end ON figures_visits (ends_at);

-- +goose Down
DROP TABLE figures_visits;
DROP TABLE figures_waits;
DROP TABLE figures_days;
