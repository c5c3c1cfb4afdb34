-- +goose Up

-- It grows with every change of rules, triggers, their types and policies.
INSERT INTO meta (key, value) VALUES ('catalog', 1);

-- What happened. The payload may be a reference into docs, whose root is the event.
CREATE TABLE events (
    id          BYTEA   PRIMARY KEY,
    "trigger"   TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    occurred_at BIGINT  NOT NULL,
    trace       BYTEA   NOT NULL,
    trace_tag   TEXT    NOT NULL,
    cause       BYTEA,
    payload     BYTEA
);
CREATE UNIQUE INDEX events_key     ON events (key) WHERE key <> '';
CREATE        INDEX events_type    ON events (type, id);
CREATE        INDEX events_pending ON events (id) WHERE status = 'pending';
CREATE        INDEX events_trace   ON events (trace, id) WHERE trace <> id; -- those that did not begin theirs

-- What rules made of events: once for every rule, event and number.
CREATE TABLE enforcements (
    event     BYTEA   NOT NULL,
    rule      TEXT    COLLATE "C" NOT NULL,
    number    BIGINT  NOT NULL,
    id        BYTEA   NOT NULL,
    execution BYTEA,
    failure   TEXT    NOT NULL,
    at        BIGINT  NOT NULL,
    PRIMARY KEY (event, rule, number)
);
CREATE UNIQUE INDEX enforcements_id   ON enforcements (id);
CREATE        INDEX enforcements_rule ON enforcements (rule, id);

-- Traces that somebody gave a name, and executions that were asked for in one.
CREATE TABLE traces (
    id  BYTEA   PRIMARY KEY,
    tag TEXT    NOT NULL,
    at  BIGINT  NOT NULL
);
CREATE INDEX traces_tag ON traces (tag, id);
CREATE TABLE trace_executions (
    execution BYTEA PRIMARY KEY,
    trace     BYTEA NOT NULL
);
CREATE INDEX trace_executions_of ON trace_executions (trace, execution);

-- Where timers have got to, and what became of each of their instants.
CREATE TABLE timers (
    ref   TEXT COLLATE "C" PRIMARY KEY,
    since BIGINT  NOT NULL,
    seen  BIGINT  NOT NULL,
    next  BIGINT  NOT NULL,
    state TEXT    NOT NULL
);
CREATE TABLE timer_fires (
    ref     TEXT    NOT NULL,
    nominal BIGINT  NOT NULL,
    outcome TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    event   BYTEA,
    PRIMARY KEY (ref, nominal)
);
CREATE INDEX timer_fires_at ON timer_fires (nominal);

-- Gates restrain executions; see store.Gates.
CREATE TABLE gates (
    gate TEXT PRIMARY KEY,
    used BIGINT  NOT NULL,
    doc  BYTEA
);
CREATE TABLE gate_places (
    execution BYTEA   NOT NULL,
    gate      TEXT    NOT NULL,
    waiting   BOOLEAN NOT NULL,
    PRIMARY KEY (execution, gate)
);
CREATE INDEX gate_places_gate ON gate_places (gate, waiting, execution);

-- What is to be told to the world, and by which message of the outbox its
-- readers have got to.
CREATE TABLE deliveries (
    id       BYTEA   PRIMARY KEY,
    key      TEXT    NOT NULL,
    sink     TEXT    NOT NULL,
    grp      TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    attempt  BIGINT  NOT NULL,
    due      BIGINT  NOT NULL,
    at       BIGINT  NOT NULL,
    ended_at BIGINT  NOT NULL,
    fault    TEXT    NOT NULL,
    doc      BYTEA
);
CREATE UNIQUE INDEX deliveries_key   ON deliveries (key) WHERE key <> '';
CREATE        INDEX deliveries_due   ON deliveries (due, id) WHERE state = 'open';
CREATE        INDEX deliveries_ended ON deliveries (ended_at) WHERE state <> 'open';
CREATE TABLE cursors (
    reader TEXT PRIMARY KEY,
    place  TEXT NOT NULL
);

-- What rules remember of groups of events.
CREATE TABLE rule_states (
    rule  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    until BIGINT  NOT NULL,
    due   BIGINT  NOT NULL,
    doc   BYTEA,
    PRIMARY KEY (rule, key)
);
CREATE INDEX rule_states_until ON rule_states (until);
CREATE INDEX rule_states_due   ON rule_states (due) WHERE due > 0;
