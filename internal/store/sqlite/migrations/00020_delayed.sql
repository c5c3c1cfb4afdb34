-- +goose Up
-- What was delayed and is due, without a look at those that are only requested.
CREATE INDEX executions_delayed ON executions (max(not_before, created_at), id) WHERE status = 'delayed';
