-- +goose Up

-- One row per workflow execution that has begun. The revision is the guard of
-- whoever writes a step.
CREATE TABLE workflows (
    id       BLOB    PRIMARY KEY,
    root     BLOB    NOT NULL,
    revision INTEGER NOT NULL,
    state    BLOB
);
CREATE INDEX workflows_root ON workflows (root);

-- What a workflow consists of: visits of tasks, items, contexts. A step writes
-- the rows it changed.
CREATE TABLE workflow_rows (
    workflow BLOB    NOT NULL,
    kind     INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    route    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    doc      BLOB,
    PRIMARY KEY (workflow, kind, name, route, number)
) WITHOUT ROWID;

-- The in-boxes of workflows: what they have to be told.
CREATE TABLE workflow_events (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow BLOB    NOT NULL,
    due      INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    child    BLOB,
    status   TEXT    NOT NULL,
    task     TEXT    NOT NULL,
    route    INTEGER NOT NULL,
    item     INTEGER NOT NULL,
    doc      BLOB
);
CREATE INDEX workflow_events_due ON workflow_events (due, workflow);
CREATE INDEX workflow_events_of  ON workflow_events (workflow, n);
