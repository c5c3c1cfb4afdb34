-- +goose Up

-- Keys of programs. The hash is StackStorm's, so that its keys can be taken over.
CREATE TABLE api_keys (
    id         BLOB    PRIMARY KEY,
    hash       TEXT    NOT NULL UNIQUE,
    owner      TEXT    NOT NULL,
    enabled    INTEGER NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Who changed or tried what. Rows are added and, after their time, deleted;
-- they never change.
CREATE TABLE audit (
    id         BLOB    PRIMARY KEY,
    at         INTEGER NOT NULL,
    who        TEXT    NOT NULL,
    method     TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who, id);

-- +goose StatementBegin
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log cannot be changed');
END;
-- +goose StatementEnd
