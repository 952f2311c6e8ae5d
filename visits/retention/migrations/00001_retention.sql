-- +goose Up
-- How long each site keeps what. A site without a row keeps it as long as is usual.
CREATE TABLE retention_days (
    site_id TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    days    BIGINT NOT NULL, -- after the planned end of a visit; 0: for good
    PRIMARY KEY (site_id, kind)
);

-- What is never deleted, whatever the days say.
CREATE TABLE retention_holds (
    subject_kind TEXT   NOT NULL, -- visit, patient
    subject_id   TEXT   NOT NULL,
    reason       TEXT   NOT NULL, -- sealed
    held_by      TEXT   NOT NULL, -- an account; empty: an operator
    held_at      BIGINT NOT NULL,
    PRIMARY KEY (subject_kind, subject_id)
);

-- +goose Down
DROP TABLE retention_holds;
DROP TABLE retention_days;
