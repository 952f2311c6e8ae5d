-- +goose Up
-- What clinicians write down of a visit: each has one note of their own. Texts are sealed under a key of platform/keys, each bound to its note.
CREATE TABLE after_notes (
    id          TEXT   NOT NULL PRIMARY KEY,
    visit_id    TEXT   NOT NULL,
    author_kind TEXT   NOT NULL, -- 'staff', or 'invitation' of who came by a link and has no account
    author_id   TEXT   NOT NULL,
    text        TEXT   NOT NULL, -- sealed
    revision    BIGINT NOT NULL, -- counts what was saved, from 1
    sitting_at  BIGINT NOT NULL, -- when the audit was last told of its author's writing
    sitting_by  TEXT   NOT NULL, -- and by which way they came to it
    created_at  BIGINT NOT NULL,
    saved_at    BIGINT NOT NULL,
    signed_at   BIGINT NOT NULL, -- 0: not yet; from then on it never changes
    UNIQUE (visit_id, author_kind, author_id)
);

-- What was saved while a note was written, so that a browser that did not hear of it and sends it again does so in vain. Goes when the note is signed.
CREATE TABLE after_note_writes (
    note_id   TEXT   NOT NULL REFERENCES after_notes (id),
    write_key TEXT   NOT NULL, -- made by the browser
    revision  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (note_id, write_key)
);

-- What was added to signed notes. Never changes.
CREATE TABLE after_addenda (
    id        TEXT   NOT NULL PRIMARY KEY,
    note_id   TEXT   NOT NULL REFERENCES after_notes (id),
    write_key TEXT   NOT NULL,
    text      TEXT   NOT NULL, -- sealed
    at        BIGINT NOT NULL,
    UNIQUE (note_id, write_key)
);

-- +goose Down
DROP TABLE after_addenda;
DROP TABLE after_note_writes;
DROP TABLE after_notes;
