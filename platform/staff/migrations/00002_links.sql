-- +goose Up
-- One-time links by which somebody chooses the password of an account: one an account.
CREATE TABLE staff_links (
    account_id TEXT PRIMARY KEY REFERENCES staff_accounts (id),
    hash       TEXT NOT NULL UNIQUE,   -- SHA-256 of the code in the link
    expires_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE staff_links;
