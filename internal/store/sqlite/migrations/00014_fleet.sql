-- +goose Up

-- The inventory of machines.
CREATE TABLE fleet_nodes (
    name TEXT PRIMARY KEY,
    doc  BLOB NOT NULL
) WITHOUT ROWID;

-- Actions run on many machines, batch by batch. The revision is the guard of
-- whoever writes a step.
CREATE TABLE rollouts (
    id       BLOB PRIMARY KEY,
    open     INTEGER NOT NULL, -- 1: something is still to be done
    revision INTEGER NOT NULL,
    doc      BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX rollouts_open ON rollouts (id) WHERE open = 1;

-- Which rollout works on a machine.
CREATE TABLE host_locks (
    host  TEXT PRIMARY KEY,
    owner BLOB NOT NULL
) WITHOUT ROWID;
