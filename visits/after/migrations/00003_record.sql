-- +goose Up
-- What happened in visits' rooms, for the record. Rows are only added; an event that is told twice is one.
CREATE TABLE after_events (
    visit_id      TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    kind          TEXT   NOT NULL, -- of a room's event
    invitation_id TEXT   NOT NULL, -- whom it is about; empty: the whole visit
    role          TEXT   NOT NULL, -- theirs then
    by_id         TEXT   NOT NULL, -- the invitation of who did it; empty: by right, or from the desk
    PRIMARY KEY (visit_id, at, kind, invitation_id)
);

-- +goose Down
DROP TABLE after_events;
