-- +goose Up

-- Registered content besides actions: one document per object. The kinds share
-- a table because they are looked up in the same ways: by reference, by
-- identifier, by pack, and by what they hang on (the trigger type of a rule,
-- the action of an alias or a policy).
CREATE TABLE content (
    kind   TEXT COLLATE "C" NOT NULL,
    ref    TEXT COLLATE "C" NOT NULL,
    id     BYTEA NOT NULL,
    pack   TEXT NOT NULL,
    name   TEXT NOT NULL,
    link   TEXT NOT NULL,
    source TEXT NOT NULL, -- digest of what was last registered from a file; empty: none
    doc    BYTEA NOT NULL
);
CREATE UNIQUE INDEX content_ref  ON content (kind, ref);
CREATE UNIQUE INDEX content_id   ON content (kind, id);
CREATE        INDEX content_pack ON content (pack, kind, ref);
CREATE        INDEX content_link ON content (link, kind, ref) WHERE link <> '';
