-- +goose Up
-- What somebody has yet to sign.
CREATE INDEX after_notes_unsigned ON after_notes (author_id) WHERE signed_at = 0;

-- +goose Down
DROP INDEX after_notes_unsigned;
