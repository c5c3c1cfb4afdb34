package sqlite

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// CurrentVersion implements store.Catalog. Every request asks it, so a group
// asks the database once per action.
func (t *tx) CurrentVersion(ctx context.Context, ref squall.Ref) (version string, err error) {
	if version, known := t.versions[ref]; known {
		return version, nil
	}
	found, err := t.One(ctx, `SELECT version FROM actions WHERE ref = ?`, []any{ref}, func(r portable.Row) error {
		version = r.Text()
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "action %q does not exist", ref)
	}
	if err == nil && t.versions != nil {
		t.versions[ref] = version
	}
	return version, driver.Wrap("read version of action "+ref.String(), err)
}

// ForgetVersions is called before actions change.
func (t *tx) ForgetVersions() {
	clear(t.versions)
}
