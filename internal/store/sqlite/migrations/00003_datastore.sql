-- +goose Up

-- Keys and values. The owner is empty in scope system. A value may hold any
-- character, so it is a blob; of a secret it is ciphertext.
CREATE TABLE datastore (
    scope      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    secret     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    value      BLOB    NOT NULL,
    PRIMARY KEY (scope, owner, name)
);
CREATE INDEX datastore_expiry ON datastore (expires_at) WHERE expires_at > 0;
