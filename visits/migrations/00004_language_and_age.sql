-- +goose Up
-- A birth date may now be known without links asking for it.
ALTER TABLE visits ADD COLUMN ask_birth_date BIGINT NOT NULL DEFAULT 0; -- 1: the family's links ask for it
UPDATE visits SET ask_birth_date = 1 WHERE birth_date <> '';

ALTER TABLE invitations ADD COLUMN language TEXT NOT NULL DEFAULT ''; -- tag of the language the person reads; empty: not known

-- +goose Down
ALTER TABLE invitations DROP COLUMN language;
UPDATE visits SET birth_date = '' WHERE ask_birth_date = 0; -- or links would ask for it
ALTER TABLE visits DROP COLUMN ask_birth_date;
