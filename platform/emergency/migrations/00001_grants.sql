-- +goose Up
CREATE TABLE emergency_grants (
    id           TEXT   NOT NULL PRIMARY KEY,
    account_id   TEXT   NOT NULL, -- whose access it is
    subject_kind TEXT   NOT NULL, -- patient, or visit
    subject_id   TEXT   NOT NULL,
    reason       TEXT   NOT NULL, -- sealed
    opened_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    uses         BIGINT NOT NULL,
    verdict      TEXT   NOT NULL, -- of whoever looked at it: accepted, questioned; empty: nobody has
    words        TEXT   NOT NULL, -- sealed; of who looked at it
    reviewed_by  TEXT   NOT NULL,
    reviewed_at  BIGINT NOT NULL  -- 0: nobody has
);
CREATE INDEX emergency_grants_account ON emergency_grants (account_id, ends_at);
CREATE INDEX emergency_grants_unreviewed ON emergency_grants (opened_at) WHERE reviewed_at = 0;

-- Invitations by which somebody came into a visit, to be withdrawn when the hour ends.
CREATE TABLE emergency_guests (
    invitation_id TEXT NOT NULL PRIMARY KEY,
    visit_id      TEXT NOT NULL,
    grant_id      TEXT NOT NULL REFERENCES emergency_grants (id)
);
CREATE INDEX emergency_guests_grant ON emergency_guests (grant_id);

-- +goose Down
DROP TABLE emergency_guests;
DROP TABLE emergency_grants;
