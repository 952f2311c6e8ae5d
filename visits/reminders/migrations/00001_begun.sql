-- +goose Up
-- Since when there are reminders here: one row, once the visits that were there before are being planned.
CREATE TABLE reminders_begun (
    one BIGINT PRIMARY KEY,
    at  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE reminders_begun;
