-- +goose Up
-- What a visit is to a clinic's schedule. Each may be empty: visits are made without them too.
ALTER TABLE visits ADD COLUMN patient_id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN site_id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN service_id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN clinician_id TEXT NOT NULL DEFAULT ''; -- staff account of who leads
ALTER TABLE visits ADD COLUMN series_id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0; -- iCalendar's: grows when the visit is moved or cancelled
ALTER TABLE visits ADD COLUMN confidential BIGINT NOT NULL DEFAULT 0; -- 1: guardians are not written to
ALTER TABLE visits ADD COLUMN interpreter TEXT NOT NULL DEFAULT ''; -- requested, confirmed; empty: none
ALTER TABLE visits ADD COLUMN interpreter_language TEXT NOT NULL DEFAULT '';
CREATE INDEX visits_by_clinician ON visits (clinician_id, starts_at) WHERE clinician_id <> '';
CREATE INDEX visits_by_patient ON visits (patient_id, starts_at) WHERE patient_id <> '';
CREATE INDEX visits_by_series ON visits (series_id, starts_at) WHERE series_id <> '';

ALTER TABLE invitations ADD COLUMN contact_id TEXT NOT NULL DEFAULT ''; -- of the patient
ALTER TABLE invitations ADD COLUMN staff_id TEXT NOT NULL DEFAULT ''; -- the person's account
ALTER TABLE invitations ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE invitations ADD COLUMN phone TEXT NOT NULL DEFAULT ''; -- E.164

-- +goose Down
ALTER TABLE invitations DROP COLUMN phone;
ALTER TABLE invitations DROP COLUMN email;
ALTER TABLE invitations DROP COLUMN staff_id;
ALTER TABLE invitations DROP COLUMN contact_id;
DROP INDEX visits_by_series;
DROP INDEX visits_by_patient;
DROP INDEX visits_by_clinician;
ALTER TABLE visits DROP COLUMN interpreter_language;
ALTER TABLE visits DROP COLUMN interpreter;
ALTER TABLE visits DROP COLUMN confidential;
ALTER TABLE visits DROP COLUMN sequence;
ALTER TABLE visits DROP COLUMN series_id;
ALTER TABLE visits DROP COLUMN clinician_id;
ALTER TABLE visits DROP COLUMN service_id;
ALTER TABLE visits DROP COLUMN site_id;
ALTER TABLE visits DROP COLUMN patient_id;
