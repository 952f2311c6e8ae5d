-- +goose Up
-- What refers to rows that are deleted is found without reading whole tables.
CREATE INDEX visit_sessions_by_visit ON visit_sessions (visit_id);
CREATE INDEX invitation_codes_by_invitation ON invitation_codes (invitation_id);
CREATE INDEX consents_by_session ON consents (session_id);
CREATE INDEX visit_told_by_teller ON visit_told (by_session);

-- +goose Down
DROP INDEX visit_told_by_teller;
DROP INDEX consents_by_session;
DROP INDEX invitation_codes_by_invitation;
DROP INDEX visit_sessions_by_visit;
