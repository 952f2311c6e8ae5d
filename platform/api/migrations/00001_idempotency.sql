-- +goose Up
-- What was done for a request that had an idempotency key, in the transaction of the act, and what was answered.
CREATE TABLE api_idempotency (
    key_id     TEXT   NOT NULL, -- the API key
    hash       TEXT   NOT NULL, -- SHA-256 of the API key's id and the idempotency key
    request    TEXT   NOT NULL, -- its fingerprint, sealed
    answer     TEXT   NOT NULL, -- sealed; empty: not there yet
    about_kind TEXT   NOT NULL, -- what the act was done to
    about_id   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, hash)
);
CREATE INDEX api_idempotency_by_time ON api_idempotency (created_at);

-- +goose Down
DROP TABLE api_idempotency;
