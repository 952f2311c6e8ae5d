-- +goose Up
CREATE TABLE staff_accounts (
    id          TEXT PRIMARY KEY,
    email       TEXT NOT NULL UNIQUE,  -- in lower case; what one signs in with
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    password    TEXT NOT NULL,         -- argon2id with its parameters and salt
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE staff_setup (
    hash       TEXT PRIMARY KEY,       -- SHA-256 of the one-time code
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE staff_sessions (
    hash       TEXT PRIMARY KEY,       -- SHA-256 of the cookie
    account_id TEXT NOT NULL REFERENCES staff_accounts (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX staff_sessions_expiry ON staff_sessions (expires_at);

-- Wrong passwords by the address typed, whether or not there is such an account: both must look alike.
CREATE TABLE staff_tries (
    hash         TEXT PRIMARY KEY,     -- SHA-256 of the e-mail address typed
    failures     INTEGER NOT NULL,
    last_at      BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
CREATE INDEX staff_tries_last ON staff_tries (last_at);

CREATE TABLE staff_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,          -- what the key is for
    hash       TEXT NOT NULL UNIQUE,   -- SHA-256 of the key
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- +goose Down
DROP TABLE staff_keys;
DROP TABLE staff_tries;
DROP TABLE staff_sessions;
DROP TABLE staff_setup;
DROP TABLE staff_accounts;
