-- +goose Up
-- That a visit begins later than planned, as people were told it last.
CREATE TABLE visit_late (
    visit_id TEXT   PRIMARY KEY REFERENCES visits (id),
    sequence BIGINT NOT NULL, -- of the visit then: of one that was moved since it is not true any more
    minutes  BIGINT NOT NULL,
    at       BIGINT NOT NULL
);

-- +goose Down
DROP TABLE visit_late;
