-- +goose Up
CREATE TABLE notify_endpoints (
    id          TEXT PRIMARY KEY,
    url         TEXT NOT NULL,     -- sealed: there may be a token in it
    about       TEXT NOT NULL,     -- what it is for
    types       TEXT NOT NULL,     -- of events, with spaces between; empty: all
    secret      TEXT NOT NULL,     -- sealed
    old_secret  TEXT NOT NULL,     -- sealed, and still signing until old_until; empty: none
    old_until   BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT,
    reason      TEXT NOT NULL      -- why it is disabled
);

CREATE TABLE notify_events (
    id   TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    at   BIGINT NOT NULL,
    body TEXT NOT NULL              -- JSON, the same bytes at each try
);
CREATE INDEX notify_events_at ON notify_events (at);

CREATE TABLE notify_deliveries (
    id          TEXT PRIMARY KEY,
    event_id    TEXT NOT NULL REFERENCES notify_events (id) ON DELETE CASCADE,
    endpoint_id TEXT NOT NULL REFERENCES notify_endpoints (id) ON DELETE CASCADE,
    state       TEXT NOT NULL,     -- waiting, sent, failed
    changed_at  BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX notify_deliveries_event ON notify_deliveries (event_id);
CREATE INDEX notify_deliveries_state ON notify_deliveries (state);

-- +goose Down
DROP TABLE notify_deliveries;
DROP TABLE notify_events;
DROP TABLE notify_endpoints;
