-- +goose Up
-- How often the ways to reach an invited person were changed: what was sent before went elsewhere.
ALTER TABLE invitations ADD COLUMN mended BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE invitations DROP COLUMN mended;
