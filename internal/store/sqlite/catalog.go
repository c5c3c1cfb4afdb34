package sqlite

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
func (t *tx) PutPack(_ context.Context, p *squall.Pack) error {
	if err := driver.CheckText(p.Ref); err != nil {
		return err
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("store pack %s: %w", p.Ref, err)
	}
	_, err = t.write(`INSERT OR REPLACE INTO packs (ref, doc) VALUES (?,?)`, p.Ref, doc)
	return wrap("store pack "+p.Ref, err)
}

// Pack implements store.Catalog.
func (t *tx) Pack(ctx context.Context, ref string) (*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs WHERE ref = ?`, ref)
	return first(list, err, "pack", ref)
}

// Packs implements store.Catalog.
func (t *tx) Packs(ctx context.Context) ([]*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs ORDER BY ref`)
	return list, wrap("list packs", err)
}

// DeletePack implements store.Catalog.
func (t *tx) DeletePack(_ context.Context, ref string) error {
	if _, err := t.write(`DELETE FROM packs WHERE ref = ?`, ref); err != nil {
		return fmt.Errorf("delete pack %s: %w", ref, err)
	}
	t.forgetVersions()
	if _, err := t.write(`DELETE FROM actions WHERE pack = ?`, ref); err != nil {
		return fmt.Errorf("delete actions of pack %s: %w", ref, err)
	}
	return t.deletePackContent(ref)
}

// PutAction implements store.Catalog.
func (t *tx) PutAction(_ context.Context, a *squall.Action) error { return t.putAction(a, "") }

// RegisterAction implements store.Catalog.
func (t *tx) RegisterAction(_ context.Context, a *squall.Action) error {
	return t.putAction(a, a.Version())
}

func (t *tx) putAction(a *squall.Action, source string) error {
	if err := driver.CheckText(a.Ref.Pack, a.Ref.Name, a.Runner); err != nil {
		return err
	}
	doc, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("store action %s: %w", a.Ref, err)
	}
	version := a.Version()
	if _, err := t.write(`INSERT INTO action_versions (version, doc) VALUES (?,?) ON CONFLICT (version) DO NOTHING`, version, doc); err != nil {
		return fmt.Errorf("store version of action %s: %w", a.Ref, err)
	}
	t.forgetVersions()
	_, err = t.write(`
		INSERT INTO actions (ref, pack, name, runner, search, version, source) VALUES (?,?,?,?,?,?,?)
		ON CONFLICT (ref) DO UPDATE SET runner = excluded.runner, search = excluded.search, version = excluded.version,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE actions.source END
		WHERE version <> excluded.version OR source <> excluded.source`,
		a.Ref, a.Ref.Pack, a.Ref.Name, a.Runner, driver.SearchText(a), version, source)
	return wrap("store action "+a.Ref.String(), err)
}

// Action implements store.Catalog.
func (t *tx) Action(ctx context.Context, ref squall.Ref) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM actions JOIN action_versions USING (version) WHERE ref = ?`, ref)
	return first(list, err, "action", ref.String())
}

// CurrentVersion implements store.Catalog. Every request asks it, so a group
// asks the database once per action.
func (t *tx) CurrentVersion(ctx context.Context, ref squall.Ref) (version string, err error) {
	if version, known := t.versions[ref]; known {
		return version, nil
	}
	found, err := t.one(ctx, `SELECT version FROM actions WHERE ref = ?`, []any{ref}, func(r *row) error {
		version = r.text()
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "action %q does not exist", ref)
	}
	if err == nil && t.versions != nil {
		t.versions[ref] = version
	}
	return version, wrap("read version of action "+ref.String(), err)
}

// forgetVersions is called before actions change.
func (t *tx) forgetVersions() {
	clear(t.versions)
}

// ActionVersion implements store.Catalog.
func (t *tx) ActionVersion(ctx context.Context, version string) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM action_versions WHERE version = ?`, version)
	return first(list, err, "action version", version)
}

// FindActions implements store.Catalog.
func (t *tx) FindActions(ctx context.Context, f store.ActionFilter) ([]*squall.Action, error) {
	where := actionCondition(f)
	if f.After != "" {
		where.and("ref > ?", f.After)
	}
	list, err := documents[squall.Action](ctx, t,
		`SELECT doc FROM actions JOIN action_versions USING (version) WHERE `+where.sql+` ORDER BY ref LIMIT ? OFFSET ?`,
		append(where.args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, wrap("find actions", err)
}

// CountActions implements store.Catalog.
func (t *tx) CountActions(ctx context.Context, f store.ActionFilter) (int, error) {
	where := actionCondition(f)
	n, err := t.number(ctx, `SELECT count(*) FROM actions WHERE `+where.sql, where.args...)
	return int(n), wrap("count actions", err)
}

// ActionVersions implements store.Catalog.
func (t *tx) ActionVersions(ctx context.Context, pack string) (map[squall.Ref]store.Registered, error) {
	versions := map[squall.Ref]store.Registered{}
	err := t.each(ctx, `SELECT name, version, source FROM actions WHERE pack = ?`, []any{pack}, func(r *row) error {
		versions[squall.Ref{Pack: pack, Name: r.text()}] = store.Registered{Version: r.text(), Source: r.text()}
		return nil
	})
	return versions, wrap("read versions of actions of pack "+pack, err)
}

func actionCondition(f store.ActionFilter) *condition {
	c := &condition{sql: "1"}
	if f.Pack != "" {
		c.and("pack = ?", f.Pack)
	}
	if f.Runner != "" {
		c.and("runner = ?", f.Runner)
	}
	if f.Name != "" {
		c.and("name = ?", f.Name)
	}
	if f.Search != "" {
		c.and("instr(search, ?) > 0", strings.ToLower(f.Search))
	}
	return c
}

// DeleteAction implements store.Catalog.
func (t *tx) DeleteAction(_ context.Context, ref squall.Ref) error {
	t.forgetVersions()
	_, err := t.write(`DELETE FROM actions WHERE ref = ?`, ref)
	return wrap("delete action "+ref.String(), err)
}

// documents reads rows of one JSON document each.
func documents[T any](ctx context.Context, t *tx, query string, args ...any) ([]*T, error) {
	var list []*T
	err := t.each(ctx, query, args, func(r *row) error {
		v := new(T)
		list = append(list, v)
		return json.Unmarshal(r.bytes(), v)
	})
	return list, err
}

// first returns the only element of list, or an error of kind NotFound.
func first[T any](list []*T, err error, noun, name string) (*T, error) {
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", noun, name, err)
	}
	if len(list) == 0 {
		return nil, squall.Errorf(squall.NotFound, "%s %q does not exist", noun, name)
	}
	return list[0], nil
}
