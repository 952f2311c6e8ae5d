-- +goose Up
CREATE TABLE visits (
    id              TEXT   NOT NULL PRIMARY KEY,
    service         TEXT   NOT NULL,
    starts_at       BIGINT NOT NULL,
    ends_at         BIGINT NOT NULL, -- as planned
    state           TEXT   NOT NULL,
    birth_date      TEXT   NOT NULL, -- empty: links don't ask for it
    created_at      BIGINT NOT NULL,
    created_by_kind TEXT   NOT NULL,
    created_by_id   TEXT   NOT NULL,
    state_at        BIGINT NOT NULL  -- when the state was entered
);
CREATE INDEX visits_by_start ON visits (starts_at, id);
CREATE INDEX visits_by_state ON visits (state, ends_at);

CREATE TABLE invitations (
    id         TEXT   NOT NULL PRIMARY KEY,
    visit_id   TEXT   NOT NULL REFERENCES visits (id),
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    generation BIGINT NOT NULL, -- of the link that works now
    tries      BIGINT NOT NULL, -- wrong dates of birth given with this generation
    revoked_at BIGINT NOT NULL, -- 0: not withdrawn
    created_at BIGINT NOT NULL
);
CREATE INDEX invitations_by_visit ON invitations (visit_id, id);

-- Every code ever given out, so that holders of an old link can be told that it was replaced.
CREATE TABLE invitation_codes (
    hash          TEXT   NOT NULL PRIMARY KEY,
    invitation_id TEXT   NOT NULL REFERENCES invitations (id),
    generation    BIGINT NOT NULL
);

-- A browser that redeemed a link: its id is the member's id in the room.
CREATE TABLE visit_sessions (
    id            TEXT   NOT NULL PRIMARY KEY,
    visit_id      TEXT   NOT NULL REFERENCES visits (id),
    invitation_id TEXT   NOT NULL REFERENCES invitations (id),
    generation    BIGINT NOT NULL,
    device_hash   TEXT   NOT NULL,
    token_hash    TEXT   NOT NULL UNIQUE,
    created_at    BIGINT NOT NULL,
    UNIQUE (invitation_id, generation, device_hash)
);

-- What must be cut off: a whole visit (invitation_id empty) or one person. Nodes read it from where they left off.
CREATE TABLE visit_removals (
    seq           BIGINT NOT NULL PRIMARY KEY,
    visit_id      TEXT   NOT NULL,
    invitation_id TEXT   NOT NULL,
    at            BIGINT NOT NULL
);

-- +goose Down
DROP TABLE visit_removals;
DROP TABLE visit_sessions;
DROP TABLE invitation_codes;
DROP TABLE invitations;
DROP TABLE visits;
