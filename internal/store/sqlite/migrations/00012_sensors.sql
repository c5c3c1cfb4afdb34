-- +goose Up

-- How sensors are, for people to see. Who may run one is decided by locks.
CREATE TABLE sensor_states (
    name          TEXT PRIMARY KEY,
    node          TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    since         INTEGER NOT NULL,
    restarts      INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    last_event_at INTEGER NOT NULL,
    cpu           INTEGER NOT NULL, -- microseconds
    rss           INTEGER NOT NULL, -- bytes
    error         TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL
) WITHOUT ROWID;
