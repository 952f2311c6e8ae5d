-- +goose Up
-- A session says more of itself now; those of before end, and people sign in once more.
DELETE FROM staff_sessions;
ALTER TABLE staff_sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';          -- names it in lists; opens nothing
ALTER TABLE staff_sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';     -- the names of browser and system
ALTER TABLE staff_sessions ADD COLUMN second TEXT NOT NULL DEFAULT '';      -- the second factor that was shown: totp, passkey, recovery, provider
ALTER TABLE staff_sessions ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;    -- when its owner last did something, to the minute
ALTER TABLE staff_sessions ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;  -- when its owner last showed who they are
CREATE INDEX staff_sessions_account ON staff_sessions (account_id);

CREATE TABLE staff_totp (
    account_id   TEXT PRIMARY KEY REFERENCES staff_accounts (id),
    secret       TEXT NOT NULL,       -- sealed
    confirmed_at BIGINT,              -- NULL: shown, and no code of it was typed yet
    last_step    BIGINT NOT NULL      -- of the newest code that was taken: none is taken twice
);

CREATE TABLE staff_passkeys (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES staff_accounts (id),
    credential_id TEXT NOT NULL UNIQUE, -- base64url
    record        TEXT NOT NULL,        -- the credential record of WebAuthn, as JSON: a public key, no secret
    name          TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL
);
CREATE INDEX staff_passkeys_account ON staff_passkeys (account_id);

CREATE TABLE staff_recovery (
    hash       TEXT PRIMARY KEY,      -- SHA-256 of the code
    account_id TEXT NOT NULL REFERENCES staff_accounts (id)
);
CREATE INDEX staff_recovery_account ON staff_recovery (account_id);

-- What a browser is in the middle of: a second factor to be shown, a passkey's challenge.
CREATE TABLE staff_steps (
    hash       TEXT NOT NULL,         -- SHA-256 of the browser's cookie
    kind       TEXT NOT NULL,
    account_id TEXT NOT NULL,         -- empty: not known yet
    data       TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash, kind)
);
CREATE INDEX staff_steps_expiry ON staff_steps (expires_at);

-- +goose Down
DROP TABLE staff_steps;
DROP TABLE staff_recovery;
DROP TABLE staff_passkeys;
DROP TABLE staff_totp;
DROP INDEX staff_sessions_account;
ALTER TABLE staff_sessions DROP COLUMN proved_at;
ALTER TABLE staff_sessions DROP COLUMN seen_at;
ALTER TABLE staff_sessions DROP COLUMN second;
ALTER TABLE staff_sessions DROP COLUMN browser;
ALTER TABLE staff_sessions DROP COLUMN id;
