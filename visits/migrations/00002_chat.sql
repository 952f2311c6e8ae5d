-- +goose Up
-- What is said in visits. Texts are sealed under a key of platform/keys, each bound to its visit, its speaker and its id.
CREATE TABLE visit_chat (
    visit_id   TEXT   NOT NULL REFERENCES visits (id),
    seq        BIGINT NOT NULL, -- the order in which the visit heard it, from 1
    session_id TEXT   NOT NULL REFERENCES visit_sessions (id), -- whose line it is
    line_id    TEXT   NOT NULL, -- made by whoever said it, who may send it again
    text       TEXT   NOT NULL, -- sealed
    audience   TEXT   NOT NULL, -- ids of the sessions it was said to, with blanks between
    at         BIGINT NOT NULL,
    PRIMARY KEY (visit_id, seq),
    UNIQUE (session_id, line_id)
);

-- The highest epoch that a host of a visit's room had: whoever has a lower one was host before, and writes nothing more. And what each host has to
-- know of the one before.
CREATE TABLE visit_rooms (
    visit_id      TEXT   NOT NULL PRIMARY KEY REFERENCES visits (id),
    epoch         BIGINT NOT NULL,
    private_since BIGINT NOT NULL DEFAULT 0 -- 0: private time is off
);

-- +goose Down
DROP TABLE visit_rooms;
DROP TABLE visit_chat;
