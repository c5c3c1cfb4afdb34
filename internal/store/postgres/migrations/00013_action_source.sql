-- +goose Up

-- The version of an action that was last registered from a file; empty: the
-- action was made through the API. What is there before this column came from
-- files.
ALTER TABLE actions ADD COLUMN source TEXT NOT NULL DEFAULT '';
UPDATE actions SET source = version;
