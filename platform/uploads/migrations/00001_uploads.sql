-- +goose Up
CREATE TABLE uploads (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL, -- which door it came in by
    owner      TEXT    NOT NULL, -- whose it is until somebody takes it: an id
    about_kind TEXT    NOT NULL, -- what the audit says it is about
    about_id   TEXT    NOT NULL,
    name       TEXT    NOT NULL, -- sealed
    size       BIGINT  NOT NULL, -- bytes, as they were announced
    received   BIGINT  NOT NULL, -- bytes that are kept
    parts      BIGINT  NOT NULL,
    state      TEXT    NOT NULL, -- coming, scanning, clean, refused
    why        TEXT    NOT NULL, -- it was refused, in one fixed word
    media_type TEXT    NOT NULL, -- by its content; empty: nobody has looked
    sha256     TEXT    NOT NULL, -- in hex
    taken_by   TEXT    NOT NULL, -- what it belongs to now: an id; empty: nobody took it
    made_at    BIGINT  NOT NULL,
    changed_at BIGINT  NOT NULL
);
CREATE INDEX uploads_owner ON uploads (owner, made_at) WHERE taken_by = '';
CREATE INDEX uploads_taken ON uploads (taken_by, made_at) WHERE taken_by <> '';
CREATE INDEX uploads_forgotten ON uploads (changed_at) WHERE taken_by = '';

CREATE TABLE upload_parts (
    upload_id TEXT   NOT NULL REFERENCES uploads (id),
    begins_at BIGINT NOT NULL, -- its first byte, of those of the file
    size      BIGINT NOT NULL, -- bytes
    blob      TEXT   NOT NULL,
    sha256    TEXT   NOT NULL, -- in hex
    PRIMARY KEY (upload_id, begins_at)
);
CREATE INDEX upload_parts_blob ON upload_parts (blob);

-- +goose Down
DROP TABLE upload_parts;
DROP TABLE uploads;
