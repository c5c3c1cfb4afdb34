package postgres

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
	err = t.send(`INSERT INTO packs (ref, doc) VALUES ($1,$2) ON CONFLICT (ref) DO UPDATE SET doc = excluded.doc`, p.Ref, doc)
	return wrap("store pack "+p.Ref, err)
}

// Pack implements store.Catalog.
func (t *tx) Pack(ctx context.Context, ref string) (*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs WHERE ref = $1`, ref)
	return first(list, err, "pack", ref)
}

// Packs implements store.Catalog.
func (t *tx) Packs(ctx context.Context) ([]*squall.Pack, error) {
	list, err := documents[squall.Pack](ctx, t, `SELECT doc FROM packs ORDER BY ref`)
	return list, wrap("list packs", err)
}

// DeletePack implements store.Catalog.
func (t *tx) DeletePack(_ context.Context, ref string) error {
	if err := t.send(`DELETE FROM packs WHERE ref = $1`, ref); err != nil {
		return fmt.Errorf("delete pack %s: %w", ref, err)
	}
	t.forgetVersions()
	if err := t.send(`DELETE FROM actions WHERE pack = $1`, ref); err != nil {
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
	if err := t.send(`INSERT INTO action_versions (version, doc) VALUES ($1,$2) ON CONFLICT (version) DO NOTHING`, version, doc); err != nil {
		return fmt.Errorf("store version of action %s: %w", a.Ref, err)
	}
	t.forgetVersions()
	err = t.send(`
		INSERT INTO actions (ref, pack, name, runner, search, version, source) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (ref) DO UPDATE SET runner = excluded.runner, search = excluded.search, version = excluded.version,
			source = CASE WHEN excluded.source <> '' THEN excluded.source ELSE actions.source END
		WHERE actions.version <> excluded.version OR actions.source <> excluded.source`,
		a.Ref, a.Ref.Pack, a.Ref.Name, a.Runner, driver.SearchText(a), version, source)
	return wrap("store action "+a.Ref.String(), err)
}

// Action implements store.Catalog.
func (t *tx) Action(ctx context.Context, ref squall.Ref) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM actions JOIN action_versions USING (version) WHERE ref = $1`, ref)
	return first(list, err, "action", ref.String())
}

// CurrentVersion implements store.Catalog. Every request asks it, so a group
// asks the database once per action.
func (t *tx) CurrentVersion(ctx context.Context, ref squall.Ref) (version string, err error) {
	if t.group != nil {
		if version, known := t.group.versions[ref]; known {
			return version, nil
		}
	}
	found := false
	err = t.each(ctx, `SELECT version FROM actions WHERE ref = $1`, []any{ref}, func(r *row) error {
		version, found = r.text(), true
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "action %q does not exist", ref)
	}
	if err == nil && t.group != nil {
		t.group.versions[ref] = version
	}
	return version, wrap("read version of action "+ref.String(), err)
}

// forgetVersions is called before actions change.
func (t *tx) forgetVersions() {
	if t.group != nil {
		clear(t.group.versions)
	}
}

// ActionVersion implements store.Catalog.
func (t *tx) ActionVersion(ctx context.Context, version string) (*squall.Action, error) {
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM action_versions WHERE version = $1`, version)
	return first(list, err, "action version", version)
}

// FindActions implements store.Catalog.
func (t *tx) FindActions(ctx context.Context, f store.ActionFilter) ([]*squall.Action, error) {
	p := &params{}
	where := actionCondition(p, f)
	if f.After != "" {
		where += " AND ref > " + p.add(f.After)
	}
	list, err := documents[squall.Action](ctx, t, `SELECT doc FROM actions JOIN action_versions USING (version) WHERE `+where+
		` ORDER BY ref LIMIT `+p.add(driver.Limit(f.Limit))+` OFFSET `+p.add(max(0, f.Offset)), p.args...)
	return list, wrap("find actions", err)
}

// CountActions implements store.Catalog.
func (t *tx) CountActions(ctx context.Context, f store.ActionFilter) (int, error) {
	p := &params{}
	n, err := t.number(ctx, `SELECT count(*) FROM actions WHERE `+actionCondition(p, f), p.args...)
	return int(n), wrap("count actions", err)
}

// ActionVersions implements store.Catalog.
func (t *tx) ActionVersions(ctx context.Context, pack string) (map[squall.Ref]store.Registered, error) {
	versions := map[squall.Ref]store.Registered{}
	err := t.each(ctx, `SELECT name, version, source FROM actions WHERE pack = $1`, []any{pack}, func(r *row) error {
		versions[squall.Ref{Pack: pack, Name: r.text()}] = store.Registered{Version: r.text(), Source: r.text()}
		return nil
	})
	return versions, wrap("read versions of actions of pack "+pack, err)
}

func actionCondition(p *params, f store.ActionFilter) string {
	where := "true"
	if f.Pack != "" {
		where += " AND pack = " + p.add(f.Pack)
	}
	if f.Runner != "" {
		where += " AND runner = " + p.add(f.Runner)
	}
	if f.Name != "" {
		where += " AND name = " + p.add(f.Name)
	}
	if f.Search != "" {
		where += " AND strpos(search, " + p.add(strings.ToLower(f.Search)) + ") > 0"
	}
	return where
}

// DeleteAction implements store.Catalog.
func (t *tx) DeleteAction(_ context.Context, ref squall.Ref) error {
	t.forgetVersions()
	err := t.send(`DELETE FROM actions WHERE ref = $1`, ref)
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
