-- +goose Up

-- Runs that end with their node although its runner's others may outlive it. What
-- was requested before is treated as its runner says, as it was.
ALTER TABLE executions ADD COLUMN attached BOOLEAN NOT NULL DEFAULT FALSE;
