package driver

import "squall/internal/squall"

// CheckKey refuses a key that cannot be stored.
func CheckKey(k *squall.KeyValue) error {
	if err := k.Check(); err != nil {
		return err
	}
	if !k.ID.Valid() {
		return squall.Errorf(squall.Invalid, "%q is not an identifier", k.ID)
	}
	return CheckText(string(k.Scope), k.User, k.Name)
}
