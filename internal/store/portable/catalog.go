package portable

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutPack implements store.Catalog.
func (t Statements) PutPack(_ context.Context, p *squall.Pack) error {
	if err := driver.CheckText(p.Ref); err != nil {
		return err
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("store pack %s: %w", p.Ref, err)
	}
	err = t.Send(`INSERT INTO packs (ref, doc) VALUES (?,?) ON CONFLICT (ref) DO UPDATE SET doc = excluded.doc`, p.Ref, doc)
	return driver.Wrap("store pack "+p.Ref, err)
}

// Pack implements store.Catalog.
func (t Statements) Pack(ctx context.Context, ref string) (*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs WHERE ref = ?`, ref)
	return first(list, err, "pack", ref)
}

// Packs implements store.Catalog.
func (t Statements) Packs(ctx context.Context) ([]*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs ORDER BY ref`)
	return list, driver.Wrap("list packs", err)
}

// DeletePack implements store.Catalog.
func (t Statements) DeletePack(_ context.Context, ref string) error {
	if err := t.Send(`DELETE FROM packs WHERE ref = ?`, ref); err != nil {
		return fmt.Errorf("delete pack %s: %w", ref, err)
	}
	t.ForgetVersions()
	if err := t.Send(`DELETE FROM actions WHERE pack = ?`, ref); err != nil {
		return fmt.Errorf("delete actions of pack %s: %w", ref, err)
	}
	return t.deletePackContent(ref)
}

// PutAction implements store.Catalog.
func (t Statements) PutAction(_ context.Context, a *squall.Action) error { return t.putAction(a, "") }

// RegisterAction implements store.Catalog.
func (t Statements) RegisterAction(_ context.Context, a *squall.Action) error {
	return t.putAction(a, a.Version())
}

func (t Statements) putAction(a *squall.Action, source string) error {
	if err := driver.CheckText(a.Ref.Pack, a.Ref.Name, a.Runner); err != nil {
		return err
	}
	doc, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("store action %s: %w", a.Ref, err)
	}
	version := a.Version()
	if err := t.Send(`INSERT INTO action_versions (version, doc) VALUES (?,?) ON CONFLICT (version) DO NOTHING`, version, doc); err != nil {
		return fmt.Errorf("store version of action %s: %w", a.Ref, err)
	}
	t.ForgetVersions()
	err = t.Send(`
		INSERT INTO actions (ref, pack, name, runner, search, version, source) VALUES (?,?,?,?,?,?,?)
		ON CONFLICT (ref) DO UPDATE SET runner = excluded.runner, search = excluded.search, version = excluded.version,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE actions.source END
		WHERE actions.version <> excluded.version OR actions.source <> excluded.source`,
		a.Ref, a.Ref.Pack, a.Ref.Name, a.Runner, driver.SearchText(a), version, source)
	return driver.Wrap("store action "+a.Ref.String(), err)
}

// Action implements store.Catalog.
func (t Statements) Action(ctx context.Context, ref squall.Ref) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM actions JOIN action_versions USING (version) WHERE ref = ?`, ref)
	return first(list, err, "action", ref.String())
}

// ActionVersion implements store.Catalog.
func (t Statements) ActionVersion(ctx context.Context, version string) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM action_versions WHERE version = ?`, version)
	return first(list, err, "action version", version)
}

// FindActions implements store.Catalog.
func (t Statements) FindActions(ctx context.Context, f store.ActionFilter) ([]*squall.Action, error) {
	where := t.actionCondition(f)
	if f.After != "" {
		where.And("ref > ?", f.After)
	}
	list, err := documents[squall.Action](ctx, t,
		`SELECT doc FROM actions JOIN action_versions USING (version) WHERE `+where.SQL+` ORDER BY ref LIMIT ? OFFSET ?`,
		append(where.Args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, driver.Wrap("find actions", err)
}

// CountActions implements store.Catalog.
func (t Statements) CountActions(ctx context.Context, f store.ActionFilter) (int, error) {
	where := t.actionCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM actions WHERE `+where.SQL, where.Args...)
	return int(n), driver.Wrap("count actions", err)
}

// ActionVersions implements store.Catalog.
func (t Statements) ActionVersions(ctx context.Context, pack string) (map[squall.Ref]store.Registered, error) {
	versions := map[squall.Ref]store.Registered{}
	err := t.Each(ctx, `SELECT name, version, source FROM actions WHERE pack = ?`, []any{pack}, func(r Row) error {
		versions[squall.Ref{Pack: pack, Name: r.Text()}] = store.Registered{Version: r.Text(), Source: r.Text()}
		return nil
	})
	return versions, driver.Wrap("read versions of actions of pack "+pack, err)
}

func (t Statements) actionCondition(f store.ActionFilter) *driver.Condition {
	c := &driver.Condition{SQL: "TRUE"}
	if f.Pack != "" {
		c.And("pack = ?", f.Pack)
	}
	if f.Runner != "" {
		c.And("runner = ?", f.Runner)
	}
	if f.Name != "" {
		c.And("name = ?", f.Name)
	}
	if f.Search != "" {
		c.And(t.Position+"(search, ?) > 0", strings.ToLower(f.Search))
	}
	return c
}

// DeleteAction implements store.Catalog.
func (t Statements) DeleteAction(_ context.Context, ref squall.Ref) error {
	t.ForgetVersions()
	err := t.Send(`DELETE FROM actions WHERE ref = ?`, ref)
	return driver.Wrap("delete action "+ref.String(), err)
}

// documents reads rows of one JSON document each.
func documents[T any](ctx context.Context, t Statements, query string, args ...any) ([]*T, error) {
	var list []*T
	err := t.Each(ctx, query, args, func(r Row) error {
		v := new(T)
		list = append(list, v)
		return json.Unmarshal(r.Bytes(), v)
	})
	return list, err
}
