-- +goose Up
CREATE TABLE notify_messages (
    id         TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,     -- email, sms
    kind       TEXT NOT NULL,     -- who makes its text
    key        TEXT NOT NULL,
    language   TEXT NOT NULL,
    about      TEXT NOT NULL,     -- the id of what it is about
    recipient  TEXT NOT NULL,     -- sealed; empty once it is sent or stopped
    put_at     BIGINT NOT NULL,   -- when to send it
    state      TEXT NOT NULL,     -- waiting, sending, sent, unsure, failed, stopped
    changed_at BIGINT NOT NULL,   -- when the state became so
    reason     TEXT NOT NULL,     -- why it is not sent, in fixed words and codes
    version    INTEGER NOT NULL,  -- counts how often it was put
    attempt    INTEGER NOT NULL,  -- counts how often it was on its way
    UNIQUE (channel, kind, key)
);
CREATE INDEX notify_messages_about ON notify_messages (about);
CREATE INDEX notify_messages_state ON notify_messages (state, put_at);

-- +goose Down
DROP TABLE notify_messages;
