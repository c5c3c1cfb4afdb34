-- +goose Up

-- Keys of programs. The hash is StackStorm's, so that its keys can be taken over.
CREATE TABLE api_keys (
    id         BYTEA   PRIMARY KEY,
    hash       TEXT    COLLATE "C" NOT NULL UNIQUE,
    owner      TEXT    COLLATE "C" NOT NULL,
    enabled    BOOLEAN NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at BIGINT  NOT NULL
);

-- Who changed or tried what. Rows are added and, after their time, deleted;
-- they never change.
CREATE TABLE audit (
    id         BYTEA   PRIMARY KEY,
    at         BIGINT  NOT NULL,
    who        TEXT    COLLATE "C" NOT NULL,
    method     TEXT    NOT NULL,
    action     TEXT    COLLATE "C" NOT NULL,
    target     TEXT    COLLATE "C" NOT NULL,
    origin     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    detail     TEXT    NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who, id);

-- +goose StatementBegin
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
