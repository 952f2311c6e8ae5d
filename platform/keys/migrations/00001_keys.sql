-- +goose Up
CREATE TABLE keys (
    id      TEXT NOT NULL PRIMARY KEY, -- UUIDv7: the newest key of a purpose is the one in use
    purpose TEXT NOT NULL,
    wrapped TEXT NOT NULL              -- base64 of nonce and AES-256-GCM ciphertext
);

-- +goose Down
DROP TABLE keys;
