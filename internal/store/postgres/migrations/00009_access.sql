-- +goose Up

-- Where users come from, what their source said last, and whether they may
-- come in at all.
ALTER TABLE users ADD COLUMN source      TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN member_of   TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN disabled    BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN description TEXT    NOT NULL DEFAULT '';
