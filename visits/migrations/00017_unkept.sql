-- +goose Up
-- Visits whose patient is not kept are looked for by the names in them.
CREATE INDEX visits_unkept ON visits (starts_at, id) WHERE patient_id = '';

-- +goose Down
DROP INDEX visits_unkept;
