-- +goose Up
-- A number is also looked for where nobody says whose it is.
DROP INDEX visits_by_identifier;
CREATE UNIQUE INDEX visits_by_identifier ON visits (identifier_value, identifier_system) WHERE identifier_value <> '';

-- +goose Down
DROP INDEX visits_by_identifier;
CREATE UNIQUE INDEX visits_by_identifier ON visits (identifier_system, identifier_value) WHERE identifier_value <> '';
