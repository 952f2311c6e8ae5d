-- +goose Up
-- What people who wait are told, sealed as chat is, each bound to its visit, whom it is told, who says it and its id.
CREATE TABLE visit_told (
    visit_id   TEXT   NOT NULL REFERENCES visits (id),
    seq        BIGINT NOT NULL, -- the order in which it was told, from 1
    session_id TEXT   NOT NULL REFERENCES visit_sessions (id), -- who is told
    by_session TEXT   NOT NULL REFERENCES visit_sessions (id), -- who says it
    note_id    TEXT   NOT NULL, -- made by whoever says it, who may send it again
    text       TEXT   NOT NULL, -- sealed
    ready      TEXT   NOT NULL, -- names words that pages have for it; empty: none
    at         BIGINT NOT NULL,
    PRIMARY KEY (visit_id, seq),
    UNIQUE (session_id, by_session, note_id)
);

-- +goose Down
DROP TABLE visit_told;
