-- +goose Up

-- Runs that outlive their node's process: of these runners, for so long after the
-- lease has ended, or after the node has come back to take them over.
ALTER TABLE nodes ADD COLUMN keeps     TEXT   NOT NULL DEFAULT ''; -- ",local-shell-cmd,"
ALTER TABLE nodes ADD COLUMN keep_for  BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN joined_at BIGINT NOT NULL DEFAULT 0;
