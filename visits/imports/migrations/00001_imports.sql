-- +goose Up
-- Files of visits that were made, so that the same file a second time is noticed.
CREATE TABLE visit_imports (
    id     TEXT   NOT NULL PRIMARY KEY,
    digest TEXT   NOT NULL, -- HMAC-SHA256 of the file, in hex
    at     BIGINT NOT NULL,
    visits BIGINT NOT NULL
);
CREATE INDEX visit_imports_by_digest ON visit_imports (digest);

-- +goose Down
DROP TABLE visit_imports;
