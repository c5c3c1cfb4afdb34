package api

import (
	"context"
	"net/http"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// configuration is a pack's configuration with its schema.
type configuration struct {
	*squall.PackConfig
	form *param.ConfigForm
}

// readConfig completes a stored configuration. Without a schema nothing in it
// is secret.
func readConfig(ctx context.Context, tx store.Tx, config *squall.PackConfig) (c configuration, err error) {
	schema := &squall.ConfigSchema{Pack: config.Pack}
	doc, err := tx.Content(ctx, store.ConfigSchemas, config.Pack)
	switch {
	case err == nil:
		if schema, err = store.Decode[squall.ConfigSchema](doc); err != nil {
			return c, err
		}
	case squall.KindOf(err) != squall.NotFound:
		return c, err
	}
	c.PackConfig = config
	c.form, err = param.CompileConfig(schema)
	return c, err
}

// show is the document of a configuration: as it was set, secrets masked unless
// open.
func (s *Server) showConfig(c configuration, open bool) (wire.PackConfig, error) {
	doc := wire.PackConfig{Pack: c.Pack, Values: c.form.Mask(c.Values), ID: string(squall.ObjectID(string(store.Configs), c.Pack))}
	if !open {
		return doc, nil
	}
	var err error
	doc.Values, err = c.form.Unseal(c.Values, func(sealed string) (string, error) { return s.Keyring.Open(auth.ForConfig(c.Pack), sealed) })
	return doc, err
}

// configList lists the configurations that were set.
func (s *Server) configList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	ids, err := onlyIDs(r.query)
	if err != nil {
		return err
	}
	var configs []configuration
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		configs = nil
		found, err := contentsByID(r.Context(), tx, store.Configs, ids)
		if err != nil {
			return err
		}
		sorted(r.query, found, byID)
		total = len(found)
		for _, doc := range slice(p, found) {
			config, err := store.Decode[squall.PackConfig](doc)
			if err != nil {
				return err
			}
			c, err := readConfig(r.Context(), tx, config)
			if err != nil {
				return err
			}
			configs = append(configs, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	docs := make([]wire.PackConfig, len(configs))
	for i, c := range configs {
		if docs[i], err = s.showConfig(c, open); err != nil {
			return err
		}
	}
	p.headers(w.Header(), total)
	return respondJSON(w, http.StatusOK, docs)
}

// byID sorts by identifier, all that configurations and their schemas can be sorted by.
var byID = map[string]func(*store.Content) string{"id": func(c *store.Content) string { return string(c.ID()) }}

// contentsByID reads the objects of a kind that have one of the identifiers; nil is
// any.
func contentsByID(ctx context.Context, tx store.Tx, kind store.ContentKind, ids []squall.ID) ([]*store.Content, error) {
	all, err := tx.FindContent(ctx, store.ContentFilter{Kind: kind})
	if ids != nil {
		all = slices.DeleteFunc(all, func(c *store.Content) bool { return !slices.Contains(ids, c.ID()) })
	}
	return all, err
}

// configGet answers with one pack's configuration.
func (s *Server) configGet(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	var c configuration
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		doc, err := tx.Content(r.Context(), store.Configs, r.params["ref"])
		if err != nil {
			return err
		}
		config, err := store.Decode[squall.PackConfig](doc)
		if err != nil {
			return err
		}
		c, err = readConfig(r.Context(), tx, config)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return squall.Errorf(squall.NotFound, "Unable to identify resource with pack_ref %q.", r.params["ref"])
	}
	if err != nil {
		return err
	}
	doc, err := s.showConfig(c, open)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, doc)
}

// configPut sets a pack's configuration, which must have a schema. Secrets are
// sealed before they are stored.
func (s *Server) configPut(w http.ResponseWriter, r *request) error {
	pack := r.params["ref"]
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	values, err := marshal(body.members)
	if err != nil {
		return err
	}
	var c configuration
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		_, err := tx.Content(r.Context(), store.ConfigSchemas, pack)
		if squall.KindOf(err) == squall.NotFound {
			return squall.Errorf(squall.NotFound, "Unable to find the ConfigSchemaDB instance. {'pack': %s}", pyString(pack))
		}
		if err != nil {
			return err
		}
		if c, err = readConfig(r.Context(), tx, &squall.PackConfig{Pack: pack}); err != nil {
			return err
		}
		if err := c.form.Validate(values); err != nil {
			return err
		}
		c.Values, err = c.form.Seal(values, func(plain string) string { return s.Keyring.Seal(auth.ForConfig(pack), plain) })
		if err != nil {
			return err
		}
		return store.Put(r.Context(), tx, c.PackConfig)
	})
	if err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "pack configured", "user", r.caller.User, "pack", pack, "request_id", r.id)
	doc, err := s.showConfig(c, open)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, doc)
}
