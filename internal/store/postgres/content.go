package postgres

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
	err := t.send(`
		INSERT INTO content (kind, ref, id, pack, name, link, source, doc) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
		ON CONFLICT (kind, ref) DO UPDATE SET pack = excluded.pack, name = excluded.name, link = excluded.link, doc = excluded.doc,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE content.source END`,
		string(c.Kind), c.Ref, c.ID(), c.Pack, c.Name, c.Link, c.Source, []byte(c.Doc))
	if err == nil {
		err = t.contentChanged(c.Kind)
	}
	return wrap(fmt.Sprintf("store %s %s", c.Kind, c.Ref), err)
}

// contentChanged makes the next version known. Of many changes in a transaction
// the last one counts.
func (t *tx) contentChanged(kind store.ContentKind) error {
	if !kind.Versioned() {
		return nil
	}
	t.Wake(store.TopicCatalog)
	t.group.catalog = 0
	return t.send(`UPDATE meta SET value = value + 1 WHERE key = 'catalog'`)
}

// ContentVersion implements store.Contents. A group asks the database once.
func (t *tx) ContentVersion(ctx context.Context) (int64, error) {
	if t.group != nil && t.group.catalog > 0 {
		return t.group.catalog, nil
	}
	n, err := t.number(ctx, `SELECT value FROM meta WHERE key = 'catalog'`)
	if err == nil && t.group != nil {
		t.group.catalog = n
	}
	return n, wrap("read the version of the content", err)
}

const contentColumns = `SELECT kind, ref, pack, name, link, source, doc FROM content WHERE `

// Content implements store.Contents.
func (t *tx) Content(ctx context.Context, kind store.ContentKind, ref string) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = $1 AND ref = $2`, string(kind), ref)
	return first(list, err, string(kind), ref)
}

// ContentByID implements store.Contents.
func (t *tx) ContentByID(ctx context.Context, kind store.ContentKind, id squall.ID) (*store.Content, error) {
	list, err := t.content(ctx, contentColumns+`kind = $1 AND id = $2`, string(kind), id)
	return first(list, err, string(kind), string(id))
}

// FindContent implements store.Contents.
func (t *tx) FindContent(ctx context.Context, f store.ContentFilter) ([]*store.Content, error) {
	p := &params{}
	where := contentCondition(p, f)
	if f.After != "" {
		where += " AND ref > " + p.add(f.After)
	}
	list, err := t.content(ctx, contentColumns+where+
		` ORDER BY ref LIMIT `+p.add(driver.Limit(f.Limit))+` OFFSET `+p.add(max(0, f.Offset)), p.args...)
	return list, wrap("find content", err)
}

// CountContent implements store.Contents.
func (t *tx) CountContent(ctx context.Context, f store.ContentFilter) (int, error) {
	p := &params{}
	n, err := t.number(ctx, `SELECT count(*) FROM content WHERE `+contentCondition(p, f), p.args...)
	return int(n), wrap("count content", err)
}

func contentCondition(p *params, f store.ContentFilter) string {
	where := "kind = " + p.add(string(f.Kind))
	if f.Pack != "" {
		where += " AND pack = " + p.add(f.Pack)
	}
	if f.Name != "" {
		where += " AND name = " + p.add(f.Name)
	}
	if f.Link != "" {
		where += " AND link <> '' AND link = " + p.add(f.Link)
	}
	return where
}

// DeleteContent implements store.Contents.
func (t *tx) DeleteContent(_ context.Context, kind store.ContentKind, ref string) error {
	err := t.send(`DELETE FROM content WHERE kind = $1 AND ref = $2`, string(kind), ref)
	if err == nil {
		err = t.contentChanged(kind)
	}
	return wrap(fmt.Sprintf("delete %s %s", kind, ref), err)
}

// deletePackContent removes what DeletePack takes along.
func (t *tx) deletePackContent(pack string) error {
	err := t.send(`DELETE FROM content WHERE pack = $1 AND kind <> $2`, pack, string(store.Configs))
	if err == nil {
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
