package api

import (
	"net/http"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/login"
	"squall/internal/squall"
	"squall/internal/store"
)

// Users are ours: StackStorm's API has no resource for them. They appear by
// themselves when an outside source lets somebody in; here they are looked at,
// made, and kept out.

func showUser(u *squall.User) wire.Account {
	shown := wire.Account{
		Name: u.Name, Source: string(u.Source), Admin: u.Admin, Disabled: u.Disabled, Password: u.PasswordHash != "",
		Groups: append([]string{}, u.Groups...), Description: u.Description, CreatedAt: wire.Time{Time: u.CreatedAt},
	}
	if u.Source == squall.LocalUser {
		shown.Source = "local"
	}
	return shown
}

// userList lists the users of the database by name; filter: source.
func (s *Server) userList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 0)
	if err != nil {
		return err
	}
	var users []*squall.User
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		users, err = tx.Users(r.Context())
		return err
	})
	if err != nil {
		return err
	}
	list := make([]wire.Account, 0, len(users))
	for _, u := range users {
		if shown := showUser(u); !differs(r.query.Get("source"), shown.Source) {
			list = append(list, shown)
		}
	}
	return respondPage(w, p, list)
}

// userShow answers with one user.
func (s *Server) userShow(w http.ResponseWriter, r *request) error {
	var u *squall.User
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		u, err = tx.User(r.Context(), r.params["name"])
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, showUser(u))
}

// userCreate makes a user with a password, or a service account, which comes in
// with API keys only.
func (s *Server) userCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("name", "password", "service", "admin", "description")
	body.required("name")
	u := &squall.User{Name: body.str("name"), Admin: body.boolean("admin", false), Description: body.str("description")}
	password, service := body.str("password"), body.boolean("service", false)
	switch {
	case body.err != nil:
		return body.err
	case !login.ValidName(u.Name):
		return squall.Errorf(squall.Invalid, "%s cannot be the name of a user: it must not hold control characters, colons, commas, or blanks at its ends.", pyString(u.Name))
	case service == (password != ""):
		return squall.Errorf(squall.Invalid, `Give either "password" or "service": true, for an account that comes in with API keys only.`)
	case service:
		u.Source = squall.ServiceAccount
	default:
		if u.PasswordHash, err = auth.HashPassword(password); err != nil {
			return err
		}
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		_, err := tx.User(r.Context(), u.Name)
		switch {
		case err == nil || s.Htpasswd()[u.Name] != "":
			return squall.Errorf(squall.Conflict, "There is a user %s already.", pyString(u.Name))
		case squall.KindOf(err) != squall.NotFound:
			return err
		}
		u.CreatedAt = tx.Now()
		if err := tx.PutUser(r.Context(), u); err != nil {
			return err
		}
		return s.note(tx, r, "user:"+u.Name)
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, showUser(u))
}

// userPut changes what is named in the body.
func (s *Server) userPut(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("password", "admin", "disabled", "description")
	password := body.str("password")
	body.boolean("admin", false)
	body.boolean("disabled", false)
	body.str("description")
	if body.err != nil {
		return body.err
	}
	hash := ""
	if password != "" {
		if hash, err = auth.HashPassword(password); err != nil {
			return err
		}
	}
	name := r.params["name"]
	var u *squall.User
	err = s.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		if u, err = tx.User(r.Context(), name); err != nil {
			return err
		}
		if hash != "" {
			if u.Source != squall.LocalUser {
				return squall.Errorf(squall.Invalid, "The user comes from %q and has no password here.", u.Source)
			}
			u.PasswordHash = hash
		}
		u.Admin, u.Disabled = body.boolean("admin", u.Admin), body.boolean("disabled", u.Disabled)
		if _, given := body.members["description"]; given {
			u.Description = body.str("description")
		}
		if name == r.caller.User && (u.Disabled || !u.Admin && r.caller.Admin && !slices.Contains(s.Admins, name)) {
			return errOwnAccount
		}
		if err := tx.PutUser(r.Context(), u); err != nil {
			return err
		}
		return s.note(tx, r, "user:"+name)
	})
	if err != nil {
		return err
	}
	s.tokens.dropUser(name)
	return respondJSON(w, http.StatusOK, showUser(u))
}

// errOwnAccount keeps an administrator from shutting the door behind himself.
var errOwnAccount = squall.Errorf(squall.Invalid, "You cannot take away your own account or its rights; another administrator can.")

// userDelete removes a user. Tokens and API keys of that name end with it.
func (s *Server) userDelete(w http.ResponseWriter, r *request) error {
	name := r.params["name"]
	if name == r.caller.User {
		return errOwnAccount
	}
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		if _, err := tx.User(r.Context(), name); err != nil {
			return err
		}
		// A user of that name who comes later must not find the keys of this one.
		keys, err := tx.FindAPIKeys(r.Context(), store.APIKeyFilter{User: name})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := tx.DeleteAPIKey(r.Context(), k.ID); err != nil {
				return err
			}
		}
		if err := tx.DeleteUser(r.Context(), name); err != nil {
			return err
		}
		return s.note(tx, r, "user:"+name)
	})
	if err != nil {
		return err
	}
	s.tokens.dropUser(name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
