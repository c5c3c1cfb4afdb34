package sqlite

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutContent implements store.Contents.
func (t *tx) PutContent(_ context.Context, c *store.Content) error {
	if err := driver.CheckText(string(c.Kind), c.Ref, c.Pack, c.Name, c.Link, c.Source); err != nil {
		return err
	}
	_, err := t.write(`
		INSERT INTO content (kind, ref, id, pack, name, link, source, doc) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (kind, ref) DO UPDATE SET pack = excluded.pack, name = excluded.name, link = excluded.link, doc = excluded.doc,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE content.source END`,
		string(c.Kind), c.Ref, c.ID(), c.Pack, c.Name, c.Link, c.Source, []byte(c.Doc))
	if err == nil {
		err = t.contentChanged(c.Kind)
	}
	return wrap(fmt.Sprintf("store %s %s", c.Kind, c.Ref), err)
}

// contentChanged makes the next version known.
func (t *tx) contentChanged(kind store.ContentKind) error {
	if !kind.Versioned() {
		return nil
	}
	t.Wake(store.TopicCatalog)
	next := t.store.numbers.catalog + 1
	if _, err := t.write(`UPDATE meta SET value = ? WHERE key = 'catalog'`, next); err != nil {
		return err
	}
	t.store.numbers.catalog = next
	return nil
}

// ContentVersion implements store.Contents. The committer has it in memory.
func (t *tx) ContentVersion(ctx context.Context) (int64, error) {
	if t.job != nil {
		return t.store.numbers.catalog, nil
	}
	n, err := t.number(ctx, `SELECT value FROM meta WHERE key = 'catalog'`)
	return n, wrap("read the version of the content", err)
}

const contentColumns = `SELECT kind, ref, pack, name, link, source, doc FROM content WHERE `

// Content implements store.Contents.
func (t *tx) Content(ctx context.Context, kind store.ContentKind, ref string) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = ? AND ref = ?`, string(kind), ref)
	return first(list, err, string(kind), ref)
}

// ContentByID implements store.Contents.
func (t *tx) ContentByID(ctx context.Context, kind store.ContentKind, id squall.ID) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = ? AND id = ?`, string(kind), id)
	return first(list, err, string(kind), string(id))
}

// FindContent implements store.Contents.
func (t *tx) FindContent(ctx context.Context, f store.ContentFilter) ([]*store.Content, error) {
	where := contentCondition(f)
	if f.After != "" {
		where.and("ref > ?", f.After)
	}
	list, err := t.content(ctx, contentColumns+where.sql+` ORDER BY ref LIMIT ? OFFSET ?`,
		append(where.args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, wrap("find content", err)
}

// CountContent implements store.Contents.
func (t *tx) CountContent(ctx context.Context, f store.ContentFilter) (int, error) {
	where := contentCondition(f)
	n, err := t.number(ctx, `SELECT count(*) FROM content WHERE `+where.sql, where.args...)
	return int(n), wrap("count content", err)
}

func contentCondition(f store.ContentFilter) *condition {
	c := &condition{sql: "1"}
	c.and("kind = ?", string(f.Kind))
	if f.Pack != "" {
		c.and("pack = ?", f.Pack)
	}
	if f.Name != "" {
		c.and("name = ?", f.Name)
	}
	if f.Link != "" {
		c.and("link = ? AND link <> ''", f.Link)
	}
	return c
}

// DeleteContent implements store.Contents.
func (t *tx) DeleteContent(_ context.Context, kind store.ContentKind, ref string) error {
	n, err := t.write(`DELETE FROM content WHERE kind = ? AND ref = ?`, string(kind), ref)
	if err == nil && n > 0 {
		err = t.contentChanged(kind)
	}
	return wrap(fmt.Sprintf("delete %s %s", kind, ref), err)
}

// deletePackContent removes what DeletePack takes along.
func (t *tx) deletePackContent(pack string) error {
	n, err := t.write(`DELETE FROM content WHERE pack = ? AND kind <> ?`, pack, string(store.Configs))
	if err == nil && n > 0 {
		err = t.contentChanged(store.Rules)
	}
	return wrap("delete content of pack "+pack, err)
}

// content reads rows of contentColumns.
func (t *tx) content(ctx context.Context, query string, args ...any) ([]*store.Content, error) {
	var list []*store.Content
	err := t.each(ctx, query, args, func(r *row) error {
		list = append(list, &store.Content{
			Kind: store.ContentKind(r.text()), Ref: r.text(), Pack: r.text(), Name: r.text(), Link: r.text(),
			Source: r.text(), Doc: r.bytes(),
		})
		return nil
	})
	return list, err
}
