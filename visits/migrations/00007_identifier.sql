-- +goose Up
-- The number that another program of the hospital gave the appointment. No two visits have the same.
ALTER TABLE visits ADD COLUMN identifier_system TEXT NOT NULL DEFAULT ''; -- whose numbers these are, as a URI
ALTER TABLE visits ADD COLUMN identifier_value TEXT NOT NULL DEFAULT ''; -- empty: none
CREATE UNIQUE INDEX visits_by_identifier ON visits (identifier_system, identifier_value) WHERE identifier_value <> '';

-- +goose Down
DROP INDEX visits_by_identifier;
ALTER TABLE visits DROP COLUMN identifier_value;
ALTER TABLE visits DROP COLUMN identifier_system;
