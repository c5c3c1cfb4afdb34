-- +goose Up

-- One row per workflow execution that has begun. The revision is the guard of
-- whoever writes a step.
CREATE TABLE workflows (
    id       BYTEA  PRIMARY KEY,
    root     BYTEA  NOT NULL,
    revision BIGINT NOT NULL,
    state    BYTEA
);
CREATE INDEX workflows_root ON workflows (root);

-- What a workflow consists of: visits of tasks, items, contexts. A step writes
-- the rows it changed.
CREATE TABLE workflow_rows (
    workflow BYTEA  NOT NULL,
    kind     BIGINT NOT NULL,
    name     TEXT   COLLATE "C" NOT NULL,
    route    BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    doc      BYTEA,
    PRIMARY KEY (workflow, kind, name, route, number)
);

-- The in-boxes of workflows: what they have to be told.
CREATE TABLE workflow_events (
    n        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow BYTEA  NOT NULL,
    due      BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    child    BYTEA,
    status   TEXT   NOT NULL,
    task     TEXT   NOT NULL,
    route    BIGINT NOT NULL,
    item     BIGINT NOT NULL,
    doc      BYTEA
);
CREATE INDEX workflow_events_due ON workflow_events (due, workflow);
CREATE INDEX workflow_events_of  ON workflow_events (workflow, n);
