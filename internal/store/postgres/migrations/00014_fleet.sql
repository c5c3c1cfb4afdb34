-- +goose Up

-- The inventory of machines.
CREATE TABLE fleet_nodes (
    name TEXT COLLATE "C" PRIMARY KEY,
    doc  BYTEA NOT NULL
);

-- Actions run on many machines, batch by batch. The revision is the guard of
-- whoever writes a step.
CREATE TABLE rollouts (
    id       BYTEA PRIMARY KEY,
    open     BIGINT NOT NULL, -- 1: something is still to be done
    revision BIGINT NOT NULL,
    doc      BYTEA NOT NULL
);
CREATE INDEX rollouts_open ON rollouts (id) WHERE open = 1;

-- Which rollout works on a machine.
CREATE TABLE host_locks (
    host  TEXT COLLATE "C" PRIMARY KEY,
    owner BYTEA NOT NULL
);
