-- +goose Up
-- What all servers of one domain share: the account at the authority, certificates with their private keys, and the answers to challenges. Sealed
-- under a key of platform/keys, each bound to its name.
CREATE TABLE acme (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL
);

-- Which server orders a certificate, so that only one does.
CREATE TABLE acme_turns (
    name   TEXT   NOT NULL PRIMARY KEY, -- of the certificate
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE acme_turns;
DROP TABLE acme;
