-- +goose Up
-- What families answered to the two questions after their visits, by the day of the visit. Who changes an answer is counted by the last one.
CREATE TABLE figures_answers (
    day        TEXT   NOT NULL,
    site_id    TEXT   NOT NULL,
    service_id TEXT   NOT NULL,
    question   TEXT   NOT NULL, -- worked: sound and picture; answered: what they came for
    answer     TEXT   NOT NULL, -- yes, partly, no
    people     BIGINT NOT NULL,
    PRIMARY KEY (day, site_id, service_id, question, answer)
);

-- +goose Down
DROP TABLE figures_answers;
