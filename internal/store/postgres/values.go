package postgres

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutValue implements store.Values.
func (t *tx) PutValue(_ context.Context, root squall.ID, body []byte) (string, error) {
	if t.job == nil {
		return "", errReadOnly
	}
	if !root.Valid() {
		return "", squall.Errorf(squall.Invalid, "%q is not an identifier", root)
	}
	v, err := t.job.Value(body)
	if err != nil {
		return "", err
	}
	return driver.EncodeRef(v.Ref), t.putValue(root, v)
}

func (t *tx) putValue(root squall.ID, v *driver.Value) error {
	if v.Body == nil {
		v.Body = []byte{}
	}
	err := t.send(`
		INSERT INTO docs (root, ref, size, compressed, body) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (root, ref) DO NOTHING`,
		root, v.Ref, v.Size, v.Compressed, v.Body)
	return wrap("store value", err)
}

// Value implements store.Values.
func (t *tx) Value(ctx context.Context, root squall.ID, ref string) ([]byte, error) {
	if key, ok := driver.DecodeRef(ref); ok {
		if body, found, err := t.value(ctx, root, key); err != nil || found {
			return body, err
		}
	}
	return nil, squall.Errorf(squall.NotFound, "value %q of execution %s does not exist", ref, root)
}

func (t *tx) value(ctx context.Context, root squall.ID, key []byte) (body []byte, found bool, err error) {
	found, err = t.one(ctx, `SELECT compressed, body FROM docs WHERE root = $1 AND ref = $2`, []any{root, key}, func(r *row) error {
		compressed := r.bool()
		body, err = driver.Decompress(r.bytes(), compressed)
		return err
	})
	return body, found, wrap("read value", err)
}

// prepare readies a document for its column; see driver.Job.Document.
func (t *tx) prepare(doc []byte) (driver.Document, error) {
	if t.job == nil {
		return driver.Document{}, errReadOnly
	}
	return t.job.Document(doc)
}

// document prepares doc, stores its value if it has one, and returns the column.
func (t *tx) document(root squall.ID, doc []byte) ([]byte, error) {
	d, err := t.prepare(doc)
	if err != nil || d.Value == nil {
		return d.Column, err
	}
	return d.Column, t.putValue(root, d.Value)
}

// fetch is the way back from document.
func (t *tx) fetch(ctx context.Context, root squall.ID, column []byte) ([]byte, error) {
	key, isRef := driver.Ref(column)
	if !isRef {
		return column, nil
	}
	body, found, err := t.value(ctx, root, key)
	if err == nil && !found {
		err = fmt.Errorf("document %s of execution %s is missing", driver.EncodeRef(key), root)
	}
	return body, err
}
