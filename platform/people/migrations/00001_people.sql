-- +goose Up
CREATE TABLE patients (
    id         TEXT    NOT NULL PRIMARY KEY,
    site_id    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    birth_date TEXT    NOT NULL,  -- YYYY-MM-DD; empty: not known
    language   TEXT    NOT NULL,  -- tag; empty: not known
    number     TEXT    NOT NULL,  -- the hospital's own; empty: none
    number_key TEXT    NOT NULL,  -- the number without what does not tell two apart
    folded     TEXT    NOT NULL,  -- what search looks in: words, each after a blank
    created_at BIGINT  NOT NULL,
    changed_at BIGINT  NOT NULL,
    version    INTEGER NOT NULL
);
CREATE UNIQUE INDEX patients_by_number ON patients (site_id, number_key) WHERE number_key <> '';

-- What begins each word of patients.folded, as a number, so that every engine finds all that begin alike in one range of an index.
CREATE TABLE patient_terms (
    patient_id TEXT   NOT NULL REFERENCES patients (id),
    term       BIGINT NOT NULL,
    PRIMARY KEY (patient_id, term)
);
CREATE INDEX patient_terms_by_term ON patient_terms (term, patient_id);

CREATE TABLE patient_contacts (
    id           TEXT    NOT NULL PRIMARY KEY,
    patient_id   TEXT    NOT NULL REFERENCES patients (id),
    place        INTEGER NOT NULL,  -- in the order they are shown, from 0
    kind         TEXT    NOT NULL CHECK (kind IN ('self', 'guardian')),
    name         TEXT    NOT NULL,
    relation     TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    phone        TEXT    NOT NULL,  -- E.164
    language     TEXT    NOT NULL,
    confidential INTEGER NOT NULL CHECK (confidential IN (0, 1))
);
CREATE INDEX patient_contacts_by_patient ON patient_contacts (patient_id, place);

-- +goose Down
DROP TABLE patient_contacts;
DROP TABLE patient_terms;
DROP TABLE patients;
