-- +goose Up
-- 1: no browser has it, and nobody opened a link for it: it was made for what somebody says from the queue.
ALTER TABLE visit_sessions ADD COLUMN spoken BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE visit_sessions DROP COLUMN spoken;
