-- +goose Up
-- How good the pictures were that somebody was sent: for how long they had so many lines as each of those in picture.go, in milliseconds with blanks between, and how
-- many pictures these were.
ALTER TABLE after_quality ADD COLUMN pictures TEXT NOT NULL DEFAULT '';
ALTER TABLE after_quality ADD COLUMN frames BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE after_quality DROP COLUMN frames;
ALTER TABLE after_quality DROP COLUMN pictures;
