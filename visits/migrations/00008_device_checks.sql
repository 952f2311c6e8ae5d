-- +goose Up
-- How the devices and the line of an invited person did when they tried them before their visit: the last time.
CREATE TABLE device_checks (
    visit_id      TEXT   NOT NULL REFERENCES visits (id),
    invitation_id TEXT   NOT NULL REFERENCES invitations (id),
    at            BIGINT NOT NULL,
    camera        TEXT   NOT NULL, -- ok, fault or unknown
    microphone    TEXT   NOT NULL,
    speaker       TEXT   NOT NULL,
    network       TEXT   NOT NULL, -- ok, poor, blocked or unknown
    rtt_ms        BIGINT NOT NULL, -- round trip to the media port; -1: unknown
    loss_pct      BIGINT NOT NULL, -- packets lost on the way there and back; -1: unknown
    browser       TEXT   NOT NULL, -- as "Chrome 126, Android"
    unsupported   BIGINT NOT NULL, -- 1: the browser can't show a visit
    PRIMARY KEY (visit_id, invitation_id)
);

-- +goose Down
DROP TABLE device_checks;
