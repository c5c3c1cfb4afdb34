package portable

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutValue implements store.Values.
func (t Statements) PutValue(_ context.Context, root squall.ID, body []byte) (string, error) {
	if t.Job() == nil {
		return "", ErrReadOnly
	}
	if !root.Valid() {
		return "", squall.Errorf(squall.Invalid, "%q is not an identifier", root)
	}
	v, err := t.Job().Value(body)
	if err != nil {
		return "", err
	}
	return driver.EncodeRef(v.Ref), t.StoreValue(root, v)
}

// StoreValue writes a value, unless it is there.
func (t Statements) StoreValue(root squall.ID, v *driver.Value) error {
	if v.Body == nil {
		v.Body = []byte{}
	}
	err := t.Send(`
		INSERT INTO docs (root, ref, size, compressed, body) VALUES (?,?,?,?,?) ON CONFLICT (root, ref) DO NOTHING`,
		root, v.Ref, v.Size, v.Compressed, v.Body)
	return driver.Wrap("store value", err)
}

// Value implements store.Values.
func (t Statements) Value(ctx context.Context, root squall.ID, ref string) ([]byte, error) {
	if key, ok := driver.DecodeRef(ref); ok {
		if body, found, err := t.value(ctx, root, key); err != nil || found {
			return body, err
		}
	}
	return nil, squall.Errorf(squall.NotFound, "value %q of execution %s does not exist", ref, root)
}

func (t Statements) value(ctx context.Context, root squall.ID, key []byte) (body []byte, found bool, err error) {
	found, err = t.One(ctx, `SELECT size, compressed, body FROM docs WHERE root = ? AND ref = ?`, []any{root, key}, func(r Row) error {
		size, compressed := r.Int(), r.Bool()
		body, err = driver.Decompress(r.Bytes(), compressed, size)
		return err
	})
	return body, found, driver.Wrap("read value", err)
}

// PrepareDocument readies a document for its column; see driver.Job.Document.
func (t Statements) PrepareDocument(doc []byte) (driver.Document, error) {
	if t.Job() == nil {
		return driver.Document{}, ErrReadOnly
	}
	return t.Job().Document(doc)
}

// StoreDocument prepares doc, stores its value if it has one, and returns the column.
func (t Statements) StoreDocument(root squall.ID, doc []byte) ([]byte, error) {
	d, err := t.PrepareDocument(doc)
	if err != nil || d.Value == nil {
		return d.Column, err
	}
	return d.Column, t.StoreValue(root, d.Value)
}

// FetchDocument is the way back from document.
func (t Statements) FetchDocument(ctx context.Context, root squall.ID, column []byte) ([]byte, error) {
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
