-- +goose Up
ALTER TABLE staff_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';      -- the actions it is for, with spaces between
ALTER TABLE staff_keys ADD COLUMN created_by TEXT NOT NULL DEFAULT '';  -- the account that made it; empty: an operator
ALTER TABLE staff_keys ADD COLUMN expires_at BIGINT;                    -- NULL: of before keys had an end
ALTER TABLE staff_keys ADD COLUMN used_on BIGINT;                       -- the beginning of the day, in UTC; NULL: never
-- Keys of before could do what schedulers may, and still can.
UPDATE staff_keys SET scopes = 'people.read people.write sites.read visit.read visit.revoke visit.schedule';

-- +goose Down
ALTER TABLE staff_keys DROP COLUMN used_on;
ALTER TABLE staff_keys DROP COLUMN expires_at;
ALTER TABLE staff_keys DROP COLUMN created_by;
ALTER TABLE staff_keys DROP COLUMN scopes;
