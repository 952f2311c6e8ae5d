-- +goose Up
-- How people's connections were, for the record: sums of one stay of one browser, written anew every half minute while it lasts.
CREATE TABLE after_quality (
    visit_id        TEXT   NOT NULL,
    invitation_id   TEXT   NOT NULL,
    stay            TEXT   NOT NULL, -- made by the node that measures
    ways            TEXT   NOT NULL, -- by which packets travelled: udp, tcp, relay, with blanks between
    measured_ms     BIGINT NOT NULL,
    poor_ms         BIGINT NOT NULL, -- much was lost, or packets took long
    gone_ms         BIGINT NOT NULL, -- not connected
    no_sound_ms     BIGINT NOT NULL, -- the microphone was on, and nothing came
    no_picture_ms   BIGINT NOT NULL, -- likewise of the camera
    reconnections   BIGINT NOT NULL,
    received        BIGINT NOT NULL, -- packets from them
    received_lost   BIGINT NOT NULL, -- that did not come, or only when they were asked for again
    sent            BIGINT NOT NULL, -- packets to them
    sent_lost       BIGINT NOT NULL, -- as they reported
    trips           TEXT   NOT NULL, -- how often a round trip was within each of the bounds in quality.go, with blanks between
    worst_trip_ms   BIGINT NOT NULL,
    PRIMARY KEY (visit_id, invitation_id, stay)
);

-- +goose Down
DROP TABLE after_quality;
