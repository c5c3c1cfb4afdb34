package portable

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutContent implements store.Contents.
func (t Statements) PutContent(_ context.Context, c *store.Content) error {
	if err := driver.CheckText(string(c.Kind), c.Ref, c.Pack, c.Name, c.Link, c.Source); err != nil {
		return err
	}
	err := t.Send(`
		INSERT INTO content (kind, ref, id, pack, name, link, source, doc) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (kind, ref) DO UPDATE SET pack = excluded.pack, name = excluded.name, link = excluded.link, doc = excluded.doc,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE content.source END`,
		string(c.Kind), c.Ref, c.ID(), c.Pack, c.Name, c.Link, c.Source, []byte(c.Doc))
	if err == nil {
		err = t.ContentChanged(c.Kind)
	}
	return driver.Wrap(fmt.Sprintf("store %s %s", c.Kind, c.Ref), err)
}

const contentColumns = `SELECT kind, ref, pack, name, link, source, doc FROM content WHERE `

// Content implements store.Contents.
func (t Statements) Content(ctx context.Context, kind store.ContentKind, ref string) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = ? AND ref = ?`, string(kind), ref)
	return first(list, err, string(kind), ref)
}

// ContentByID implements store.Contents.
func (t Statements) ContentByID(ctx context.Context, kind store.ContentKind, id squall.ID) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = ? AND id = ?`, string(kind), id)
	return first(list, err, string(kind), string(id))
}

// FindContent implements store.Contents.
func (t Statements) FindContent(ctx context.Context, f store.ContentFilter) ([]*store.Content, error) {
	where := contentCondition(f)
	if f.After != "" {
		where.And("ref > ?", f.After)
	}
	list, err := t.content(ctx, contentColumns+where.SQL+` ORDER BY ref LIMIT ? OFFSET ?`,
		append(where.Args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, driver.Wrap("find content", err)
}

// CountContent implements store.Contents.
func (t Statements) CountContent(ctx context.Context, f store.ContentFilter) (int, error) {
	where := contentCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM content WHERE `+where.SQL, where.Args...)
	return int(n), driver.Wrap("count content", err)
}

func contentCondition(f store.ContentFilter) *driver.Condition {
	c := &driver.Condition{SQL: "TRUE"}
	c.And("kind = ?", string(f.Kind))
	if f.Pack != "" {
		c.And("pack = ?", f.Pack)
	}
	if f.Name != "" {
		c.And("name = ?", f.Name)
	}
	if f.Link != "" {
		c.And("link = ? AND link <> ''", f.Link)
	}
	return c
}

// DeleteContent implements store.Contents.
func (t Statements) DeleteContent(_ context.Context, kind store.ContentKind, ref string) error {
	n, err := t.Write(`DELETE FROM content WHERE kind = ? AND ref = ?`, string(kind), ref)
	if err == nil && n > 0 {
		err = t.ContentChanged(kind)
	}
	return driver.Wrap(fmt.Sprintf("delete %s %s", kind, ref), err)
}

// deletePackContent removes what DeletePack takes along.
func (t Statements) deletePackContent(pack string) error {
	n, err := t.Write(`DELETE FROM content WHERE pack = ? AND kind <> ?`, pack, string(store.Configs))
	if err == nil && n > 0 {
		err = t.ContentChanged(store.Rules)
	}
	return driver.Wrap("delete content of pack "+pack, err)
}

// content reads rows of contentColumns.
func (t Statements) content(ctx context.Context, query string, args ...any) ([]*store.Content, error) {
	var list []*store.Content
	err := t.Each(ctx, query, args, func(r Row) error {
		list = append(list, &store.Content{
			Kind: store.ContentKind(r.Text()), Ref: r.Text(), Pack: r.Text(), Name: r.Text(), Link: r.Text(),
			Source: r.Text(), Doc: r.Bytes(),
		})
		return nil
	})
	return list, err
}
