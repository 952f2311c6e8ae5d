-- +goose Up
-- Which files go with a version of a summary. What each is, and what it is called (sealed), is known to platform/uploads.
CREATE TABLE after_files (
    visit_id  TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    upload_id TEXT   NOT NULL,
    place     BIGINT NOT NULL, -- in the list, from 0
    PRIMARY KEY (visit_id, version, upload_id)
);

-- +goose Down
DROP TABLE after_files;
