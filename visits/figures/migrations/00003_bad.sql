-- +goose Up
-- Visits in which somebody's connection was bad, of those that are not counted as failed.
ALTER TABLE figures_days ADD COLUMN bad BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE figures_days DROP COLUMN bad;
