package postgres

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// CurrentVersion implements store.Catalog. Every request asks it, so a group
// asks the database once per action.
func (t *tx) CurrentVersion(ctx context.Context, ref squall.Ref) (version string, err error) {
	if t.group != nil {
		if version, known := t.group.versions[ref]; known {
			return version, nil
		}
	}
	found := false
	err = t.Each(ctx, `SELECT version FROM actions WHERE ref = $1`, []any{ref}, func(r portable.Row) error {
		version, found = r.Text(), true
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "action %q does not exist", ref)
	}
	if err == nil && t.group != nil {
		t.group.versions[ref] = version
	}
	return version, driver.Wrap("read version of action "+ref.String(), err)
}

// ForgetVersions is called before actions change.
func (t *tx) ForgetVersions() {
	if t.group != nil {
		clear(t.group.versions)
	}
}
