-- +goose Up

-- It grows with every change of rules, triggers, their types and policies.
INSERT INTO meta (key, value) VALUES ('catalog', 1);

-- What happened. The payload may be a reference into docs, whose root is the event.
CREATE TABLE events (
    n           INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    "trigger"   TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    occurred_at INTEGER NOT NULL,
    trace       BLOB    NOT NULL,
    trace_tag   TEXT    NOT NULL,
    cause       BLOB,
    payload     BLOB
);
CREATE UNIQUE INDEX events_id      ON events (id);
CREATE UNIQUE INDEX events_key     ON events (key) WHERE key <> '';
CREATE        INDEX events_type    ON events (type, id);
CREATE        INDEX events_pending ON events (id) WHERE status = 'pending';
CREATE        INDEX events_trace   ON events (trace, id) WHERE trace <> id; -- those that did not begin theirs

-- What rules made of events: once for every rule, event and number.
CREATE TABLE enforcements (
    event     BLOB    NOT NULL,
    rule      TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    id        BLOB    NOT NULL,
    execution BLOB,
    failure   TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (event, rule, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX enforcements_id   ON enforcements (id);
CREATE        INDEX enforcements_rule ON enforcements (rule, id);

-- Traces that somebody gave a name, and executions that were asked for in one.
CREATE TABLE traces (
    id  BLOB    PRIMARY KEY,
    tag TEXT    NOT NULL,
    at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX traces_tag ON traces (tag, id);
CREATE TABLE trace_executions (
    execution BLOB PRIMARY KEY,
    trace     BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX trace_executions_of ON trace_executions (trace, execution);

-- Where timers have got to, and what became of each of their instants.
CREATE TABLE timers (
    ref   TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    seen  INTEGER NOT NULL,
    next  INTEGER NOT NULL,
    state TEXT    NOT NULL
) WITHOUT ROWID;
CREATE TABLE timer_fires (
    ref     TEXT    NOT NULL,
    nominal INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    event   BLOB,
    PRIMARY KEY (ref, nominal)
) WITHOUT ROWID;
CREATE INDEX timer_fires_at ON timer_fires (nominal);

-- Gates restrain executions; see store.Gates.
CREATE TABLE gates (
    gate TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    doc  BLOB
) WITHOUT ROWID;
CREATE TABLE gate_places (
    execution BLOB    NOT NULL,
    gate      TEXT    NOT NULL,
    waiting   INTEGER NOT NULL,
    PRIMARY KEY (execution, gate)
) WITHOUT ROWID;
CREATE INDEX gate_places_gate ON gate_places (gate, waiting, execution);

-- What is to be told to the world, and by which message of the outbox its
-- readers have got to.
CREATE TABLE deliveries (
    id       BLOB    PRIMARY KEY,
    key      TEXT    NOT NULL,
    sink     TEXT    NOT NULL,
    grp      TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    attempt  INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    fault    TEXT    NOT NULL,
    doc      BLOB
) WITHOUT ROWID;
CREATE UNIQUE INDEX deliveries_key   ON deliveries (key) WHERE key <> '';
CREATE        INDEX deliveries_due   ON deliveries (due, id) WHERE state = 'open';
CREATE        INDEX deliveries_ended ON deliveries (ended_at) WHERE state <> 'open';
CREATE TABLE cursors (
    reader TEXT PRIMARY KEY,
    place  TEXT NOT NULL
) WITHOUT ROWID;

-- What rules remember of groups of events.
CREATE TABLE rule_states (
    rule  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    until INTEGER NOT NULL,
    due   INTEGER NOT NULL,
    doc   BLOB,
    PRIMARY KEY (rule, key)
) WITHOUT ROWID;
CREATE INDEX rule_states_until ON rule_states (until);
CREATE INDEX rule_states_due   ON rule_states (due) WHERE due > 0;
