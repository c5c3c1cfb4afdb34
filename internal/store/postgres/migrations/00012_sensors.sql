-- +goose Up

-- How sensors are, for people to see. Who may run one is decided by locks.
CREATE TABLE sensor_states (
    name          TEXT COLLATE "C" PRIMARY KEY,
    node          TEXT    NOT NULL,
    pid           BIGINT NOT NULL,
    state         TEXT    NOT NULL,
    since         BIGINT NOT NULL,
    restarts      BIGINT NOT NULL,
    events        BIGINT NOT NULL,
    last_event_at BIGINT NOT NULL,
    cpu           BIGINT NOT NULL, -- microseconds
    rss           BIGINT NOT NULL, -- bytes
    error         TEXT    NOT NULL,
    updated_at    BIGINT NOT NULL
);
