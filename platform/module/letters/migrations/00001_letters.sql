-- +goose Up
CREATE TABLE letters (
    id        TEXT   NOT NULL PRIMARY KEY,
    text      TEXT   NOT NULL,
    posted_at BIGINT NOT NULL -- 0: not yet
);

-- +goose Down
DROP TABLE letters;
