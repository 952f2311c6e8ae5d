-- +goose Up
-- What families are asked to consent to. A text that somebody has consented to never changes: a new one gets a new version.
CREATE TABLE consent_texts (
    version    TEXT   NOT NULL,
    language   TEXT   NOT NULL,
    hash       TEXT   NOT NULL, -- SHA-256 of the text, in hex
    text       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (version, language)
);

CREATE TABLE consents (
    id            TEXT   NOT NULL PRIMARY KEY,
    visit_id      TEXT   NOT NULL REFERENCES visits (id),
    invitation_id TEXT   NOT NULL REFERENCES invitations (id),
    session_id    TEXT   NOT NULL REFERENCES visit_sessions (id), -- the browser it was given in
    version       TEXT   NOT NULL,
    language      TEXT   NOT NULL, -- of the text that was read
    hash          TEXT   NOT NULL, -- of the text that was read
    given_for     TEXT   NOT NULL, -- 'self' or 'patient'
    given_at      BIGINT NOT NULL,
    UNIQUE (invitation_id, version),
    FOREIGN KEY (version, language) REFERENCES consent_texts (version, language)
);
CREATE INDEX consents_by_visit ON consents (visit_id);
CREATE INDEX consents_by_text ON consents (version, language);

-- +goose Down
DROP TABLE consents;
DROP TABLE consent_texts;
