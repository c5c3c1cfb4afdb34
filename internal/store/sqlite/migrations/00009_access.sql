-- +goose Up

-- Where users come from, what their source said last, and whether they may
-- come in at all.
ALTER TABLE users ADD COLUMN source      TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN member_of   TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN disabled    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN description TEXT    NOT NULL DEFAULT '';
