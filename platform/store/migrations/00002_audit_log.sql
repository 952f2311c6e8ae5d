-- +goose Up
-- The place of a row in the log, from 1 without gaps. Rows that a program of the version before writes meanwhile have none until they are sealed.
ALTER TABLE audit ADD COLUMN seq BIGINT;
UPDATE audit SET seq = numbered.place
    FROM (SELECT id AS numbered_id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM audit) AS numbered
    WHERE numbered.numbered_id = audit.id;
CREATE UNIQUE INDEX audit_by_seq ON audit (seq);
CREATE INDEX audit_by_actor ON audit (actor_id, seq);

-- Hashes of the Merkle tree over the rows, in tiles of 256.
CREATE TABLE audit_tiles (
    level  BIGINT NOT NULL, -- 0: hashes of rows; each further one: of whole tiles of the level below
    number BIGINT NOT NULL,
    hashes TEXT   NOT NULL, -- base64 of up to 256 SHA-256 hashes
    PRIMARY KEY (level, number)
);

CREATE TABLE audit_checkpoints (
    size BIGINT NOT NULL PRIMARY KEY, -- how many rows it seals
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL              -- signed: see platform/audit
);

-- +goose Down
DROP TABLE audit_checkpoints;
DROP TABLE audit_tiles;
DROP INDEX audit_by_actor;
DROP INDEX audit_by_seq;
ALTER TABLE audit DROP COLUMN seq;
