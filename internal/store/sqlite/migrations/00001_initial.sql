-- +goose Up

-- Numbers that must survive: the last lease epoch, the next outbox position,
-- the largest difference in seconds between an identifier's time and the
-- creation it stands for (lists by time rely on it), the last health probe.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('epoch', 0), ('outbox_next', 1), ('id_slack', 1), ('health', 0);

-- One row per execution. Identifiers are 12-byte blobs, times are microseconds
-- since 1970 with 0 for none. What lists touch comes first, documents last, so
-- that reading a row without them follows no overflow page.
CREATE TABLE executions (
    n              INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL,
    action         TEXT    NOT NULL,
    action_version TEXT    NOT NULL,
    runner         TEXT    NOT NULL,
    user           TEXT    NOT NULL,
    child          INTEGER NOT NULL, -- 0: top level, 1: has a parent
    root           BLOB    NOT NULL,
    parent         BLOB,
    task           TEXT,
    task_route     INTEGER,
    task_item      INTEGER,
    status         TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    node           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    not_before     INTEGER NOT NULL,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    deadline       INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    result_size    INTEGER NOT NULL,
    rerun_of       BLOB,
    queue          TEXT    NOT NULL,
    log            TEXT    NOT NULL,
    parameters     BLOB,
    context        BLOB,
    result         BLOB
);
-- Lists are ordered by id. "child" stands before it, so that a list of the top
-- level does not read past the children of a large workflow; a list of both
-- merges the two halves.
CREATE UNIQUE INDEX executions_id     ON executions (id);
CREATE        INDEX executions_top    ON executions (id) WHERE child = 0;
CREATE        INDEX executions_action ON executions (action, child, id);
CREATE        INDEX executions_user   ON executions (user, child, id);
CREATE        INDEX executions_status ON executions (status, child, id);
-- "What went wrong" of one action or user. What went right never enters these.
CREATE        INDEX executions_failed_action ON executions (action, status, child, id)
    WHERE status = 'failed' OR status = 'timeout' OR status = 'canceled' OR status = 'abandoned';
CREATE        INDEX executions_failed_user ON executions (user, status, child, id)
    WHERE status = 'failed' OR status = 'timeout' OR status = 'canceled' OR status = 'abandoned';
CREATE        INDEX executions_parent ON executions (parent, id) WHERE child = 1;
CREATE        INDEX executions_root   ON executions (root, id) WHERE child = 1;
CREATE        INDEX executions_due    ON executions (max(not_before, created_at), id) WHERE status IN ('requested', 'delayed');

-- Large documents, shared by reference within the tree of root.
CREATE TABLE docs (
    n          INTEGER PRIMARY KEY,
    root       BLOB    NOT NULL,
    ref        BLOB    NOT NULL,
    size       INTEGER NOT NULL,
    compressed INTEGER NOT NULL,
    body       BLOB    NOT NULL
);
CREATE UNIQUE INDEX docs_ref ON docs (root, ref);

CREATE TABLE output (
    n          INTEGER PRIMARY KEY,
    execution  BLOB    NOT NULL,
    seq        INTEGER NOT NULL,
    stream     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    compressed INTEGER NOT NULL,
    data       BLOB    NOT NULL
);
CREATE UNIQUE INDEX output_seq ON output (execution, seq);

-- The writer numbers the rows itself: positions are never used twice, also when
-- the newest row was trimmed.
CREATE TABLE outbox (
    id        INTEGER PRIMARY KEY,
    kind      TEXT    NOT NULL,
    execution BLOB,
    status    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    body      BLOB
);

CREATE TABLE nodes (
    name        TEXT PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    host        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    version     TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    slots       INTEGER NOT NULL,
    queues      TEXT    NOT NULL, -- a JSON list
    started_at  INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE locks (
    name  TEXT PRIMARY KEY,
    owner TEXT    NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE packs (
    ref TEXT PRIMARY KEY,
    doc BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE actions (
    ref     TEXT PRIMARY KEY,
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
    doc     BLOB NOT NULL
);

CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    admin         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tokens (
    digest     TEXT PRIMARY KEY,
    id         BLOB    NOT NULL,
    user       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    service    INTEGER NOT NULL,
    metadata   TEXT    NOT NULL
);
CREATE INDEX tokens_expiry ON tokens (expires_at);
