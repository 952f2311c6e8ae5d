-- +goose Up
-- What a message tells in one, where that is more than one thing: as the visits of a series.
CREATE TABLE notify_parts (
    message_id TEXT NOT NULL REFERENCES notify_messages (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    about      TEXT NOT NULL,     -- the id of what it is about
    place      INTEGER NOT NULL,  -- among the parts of its message
    PRIMARY KEY (message_id, key)
);
CREATE INDEX notify_parts_about ON notify_parts (about);
CREATE INDEX notify_parts_key ON notify_parts (key);

-- +goose Down
DROP TABLE notify_parts;
