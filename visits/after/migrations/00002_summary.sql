-- +goose Up
-- What clinicians write to the family of a visit. Each version stays; the newest is read.
CREATE TABLE after_summaries (
    visit_id    TEXT   NOT NULL,
    version     BIGINT NOT NULL, -- from 1
    text        TEXT   NOT NULL, -- sealed
    language    TEXT   NOT NULL, -- of the text
    author_kind TEXT   NOT NULL,
    author_id   TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (visit_id, version)
);

-- One person's link to what comes after a visit: it lives on when that of the visit is dead.
CREATE TABLE after_links (
    invitation_id TEXT   NOT NULL PRIMARY KEY,
    visit_id      TEXT   NOT NULL,
    code_hash     TEXT   NOT NULL UNIQUE,
    generation    BIGINT NOT NULL, -- of the link that works now
    tries         BIGINT NOT NULL, -- wrong dates of birth given with it
    expires_at    BIGINT NOT NULL
);

-- A browser that opened such a link.
CREATE TABLE after_openings (
    token_hash    TEXT   NOT NULL PRIMARY KEY,
    invitation_id TEXT   NOT NULL,
    generation    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX after_openings_by_end ON after_openings (expires_at);

-- How it went, as one person says.
CREATE TABLE after_surveys (
    invitation_id TEXT   NOT NULL PRIMARY KEY,
    visit_id      TEXT   NOT NULL,
    worked        TEXT   NOT NULL, -- 'yes', 'partly', 'no': sound and picture
    answered      TEXT   NOT NULL, -- likewise: what they came for
    comment       TEXT   NOT NULL, -- sealed; empty: none
    given_at      BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL
);
CREATE INDEX after_surveys_by_visit ON after_surveys (visit_id);

-- +goose Down
DROP TABLE after_surveys;
DROP TABLE after_openings;
DROP TABLE after_links;
DROP TABLE after_summaries;
