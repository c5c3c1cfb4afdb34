-- +goose Up

-- Lease epochs: one sequence for all names, so that an epoch is never given twice.
CREATE SEQUENCE node_epochs;

-- Numbers that must survive: the largest difference in seconds between an
-- identifier's time and the creation it stands for (lists by time rely on it),
-- the last health probe.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO meta (key, value) VALUES ('id_slack', 1), ('health', 0);

-- One row per execution. Identifiers are 12 bytes, times are microseconds since
-- 1970 with 0 for none. Parameters, context and result are short here: longer
-- documents are references into docs.
CREATE TABLE executions (
    id             BYTEA   PRIMARY KEY,
    action         TEXT    COLLATE "C" NOT NULL,
    action_version TEXT    NOT NULL,
    runner         TEXT    NOT NULL,
    username       TEXT    COLLATE "C" NOT NULL,
    child          BOOLEAN NOT NULL, -- has a parent
    root           BYTEA   NOT NULL,
    parent         BYTEA,
    task           TEXT,
    task_route     BIGINT,
    task_item      BIGINT,
    status         TEXT    COLLATE "C" NOT NULL,
    attempt        BIGINT  NOT NULL,
    version        BIGINT  NOT NULL,
    node           TEXT    NOT NULL,
    epoch          BIGINT  NOT NULL,
    created_at     BIGINT  NOT NULL,
    not_before     BIGINT  NOT NULL,
    started_at     BIGINT  NOT NULL,
    ended_at       BIGINT  NOT NULL,
    deadline       BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL,
    result_size    BIGINT  NOT NULL,
    rerun_of       BYTEA,
    queue          TEXT    NOT NULL,
    log            TEXT    NOT NULL,
    parameters     BYTEA,
    context        BYTEA,
    result         BYTEA
);
-- Lists are ordered by id. "child" stands before it, so that a list of the top
-- level does not read past the children of a large workflow; a list of both
-- merges the two halves.
CREATE INDEX executions_top    ON executions (child, id);
CREATE INDEX executions_action ON executions (action, child, id);
CREATE INDEX executions_user   ON executions (username, child, id);
CREATE INDEX executions_status ON executions (status, child, id);
-- "What went wrong" of one action or user. What went right never enters these.
CREATE INDEX executions_failed_action ON executions (action, status, child, id) WHERE status IN ('failed', 'timeout', 'canceled', 'abandoned');
CREATE INDEX executions_failed_user   ON executions (username, status, child, id) WHERE status IN ('failed', 'timeout', 'canceled', 'abandoned');
CREATE INDEX executions_parent ON executions (parent, id) WHERE child;
CREATE INDEX executions_root   ON executions (root, id) WHERE child;
CREATE INDEX executions_due    ON executions (greatest(not_before, created_at), id) WHERE status IN ('requested', 'delayed');

-- Large documents, shared by reference within the tree of root. They are
-- compressed before they come here.
CREATE TABLE docs (
    root       BYTEA   NOT NULL,
    ref        BYTEA   NOT NULL,
    size       BIGINT  NOT NULL,
    compressed BOOLEAN NOT NULL,
    body       BYTEA   NOT NULL,
    PRIMARY KEY (root, ref)
);
ALTER TABLE docs ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE output (
    execution  BYTEA   NOT NULL,
    seq        BIGINT  NOT NULL,
    stream     TEXT    NOT NULL,
    at         BIGINT  NOT NULL,
    compressed BOOLEAN NOT NULL,
    data       BYTEA   NOT NULL,
    PRIMARY KEY (execution, seq)
);
ALTER TABLE output ALTER COLUMN data SET STORAGE EXTERNAL;

-- Messages in the order (xid, id): see outbox.go.
CREATE TABLE outbox (
    xid       XID8   NOT NULL DEFAULT pg_current_xact_id(),
    id        BIGINT GENERATED ALWAYS AS IDENTITY,
    kind      TEXT   NOT NULL,
    execution BYTEA,
    status    TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    body      BYTEA,
    PRIMARY KEY (xid, id)
);

CREATE TABLE nodes (
    name        TEXT   COLLATE "C" PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    host        TEXT   NOT NULL,
    pid         BIGINT NOT NULL,
    version     TEXT   NOT NULL,
    url         TEXT   NOT NULL,
    slots       BIGINT NOT NULL,
    queues      TEXT   NOT NULL, -- a JSON list
    started_at  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);

CREATE TABLE locks (
    name  TEXT   PRIMARY KEY,
    owner TEXT   NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE packs (
    ref TEXT COLLATE "C" PRIMARY KEY,
    doc BYTEA NOT NULL
);

CREATE TABLE actions (
    ref     TEXT COLLATE "C" PRIMARY KEY,
    pack    TEXT NOT NULL,
    name    TEXT NOT NULL,
    runner  TEXT NOT NULL,
    search  TEXT NOT NULL, -- reference and description in lower case
    version TEXT NOT NULL
);
CREATE INDEX actions_pack ON actions (pack, ref);

-- Every form an action ever had; executions name the one they ran.
CREATE TABLE action_versions (
    version TEXT PRIMARY KEY,
    doc     BYTEA NOT NULL
);

CREATE TABLE users (
    name          TEXT    COLLATE "C" PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    admin         BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL
);

CREATE TABLE tokens (
    digest     TEXT    PRIMARY KEY,
    id         BYTEA   NOT NULL,
    username   TEXT    NOT NULL,
    expires_at BIGINT  NOT NULL,
    created_at BIGINT  NOT NULL,
    service    BOOLEAN NOT NULL,
    metadata   TEXT    NOT NULL
);
CREATE INDEX tokens_expiry ON tokens (expires_at);
