-- +goose Up

-- Keys and values. The owner is empty in scope system. A value may hold any
-- character, so it is a BYTEA; of a secret it is ciphertext.
CREATE TABLE datastore (
    scope      TEXT    COLLATE "C" NOT NULL,
    owner      TEXT    COLLATE "C" NOT NULL,
    name       TEXT    COLLATE "C" NOT NULL,
    id         BYTEA   NOT NULL,
    secret     BOOLEAN NOT NULL,
    expires_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    value      BYTEA   NOT NULL,
    PRIMARY KEY (scope, owner, name)
);
CREATE INDEX datastore_expiry ON datastore (expires_at) WHERE expires_at > 0;
