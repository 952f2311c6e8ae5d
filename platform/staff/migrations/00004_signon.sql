-- +goose Up
-- Who somebody is for the hospital's own sign-on (OpenID Connect): issuer and subject together, and nothing else, say whose account it is.
CREATE TABLE staff_identities (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES staff_accounts (id),
    made       INTEGER NOT NULL,      -- 1: the account was made by it, and follows its name and role
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX staff_identities_account ON staff_identities (account_id);

ALTER TABLE staff_sessions ADD COLUMN subject TEXT NOT NULL DEFAULT '';      -- whose sign-on opened it
ALTER TABLE staff_sessions ADD COLUMN provider_sid TEXT NOT NULL DEFAULT ''; -- the provider's own name for its session
CREATE INDEX staff_sessions_subject ON staff_sessions (subject);

-- Words of the provider that somebody has signed out, each heard once.
CREATE TABLE staff_logouts (
    hash       TEXT PRIMARY KEY,      -- SHA-256 of the token's id
    expires_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE staff_logouts;
DROP INDEX staff_sessions_subject;
ALTER TABLE staff_sessions DROP COLUMN provider_sid;
ALTER TABLE staff_sessions DROP COLUMN subject;
DROP TABLE staff_identities;
