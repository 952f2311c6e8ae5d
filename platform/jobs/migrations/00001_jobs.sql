-- +goose Up
CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    key           TEXT NOT NULL,
    payload       TEXT NOT NULL,       -- ids alone
    state         TEXT NOT NULL,       -- waiting, failed, or cancelled while a node still has it
    put_at        BIGINT NOT NULL,     -- the time it was put for
    next_at       BIGINT NOT NULL,     -- the time of the next try
    claimed_until BIGINT NOT NULL,     -- the end of the lease; 0: nobody has it
    fence         BIGINT NOT NULL,     -- counts leases
    puts          BIGINT NOT NULL,     -- counts how often it was put again
    tries         INTEGER NOT NULL,    -- since it was put last
    error         TEXT NOT NULL,       -- of the last try
    UNIQUE (kind, key)
);
CREATE INDEX jobs_next ON jobs (kind, state, next_at);

-- +goose Down
DROP TABLE jobs;
