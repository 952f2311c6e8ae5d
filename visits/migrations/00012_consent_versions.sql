-- +goose Up
-- Versions of consent that were published on the pages of administration, by site; those of a folder have no row here. The newest of a site counts. One
-- without texts says that the site asks nothing any more.
CREATE TABLE consent_versions (
    version      TEXT   NOT NULL PRIMARY KEY,
    site_id      TEXT   NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT   NOT NULL -- an account; empty: an operator
);
CREATE INDEX consent_versions_by_site ON consent_versions (site_id, published_at);

-- +goose Down
DROP TABLE consent_versions;
