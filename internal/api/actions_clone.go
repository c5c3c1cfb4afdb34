package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/content"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
)

var actionCloneShape = typedShape("ActionCloneRequest", `{
	"dest_pack": {"type": "string", "required": true}, "dest_action": {"type": "string", "required": true},
	"overwrite": {"type": "boolean", "default": false}
}`).asks("dest_pack", "dest_action")

// actionClone copies an action with its files into another place. Whoever does
// it must see the one, be allowed to make the other and, to overwrite it, to
// delete it.
func (s *Server) actionClone(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, actionCloneShape)
	if err != nil {
		return err
	}
	source, err := s.action(r, r.params["ref"])
	if err != nil {
		return err
	}
	clone := *source
	if clone.Ref, err = refOf(body.str("dest_pack"), body.str("dest_action")); err != nil {
		return err
	}
	if err := r.caller.CheckOn(auth.ActionCreate, actionUIDs(clone.Ref)...); err != nil {
		return err
	}
	old, err := s.checkCloneTarget(r, clone.Ref, body.flag("overwrite", false))
	if err != nil {
		return err
	}
	clone.MetadataFile = "actions/" + clone.Ref.Name + ".yaml"
	switch {
	case source.EntryPoint == "":
	case workflows[source.Runner]:
		clone.EntryPoint = "workflows/" + clone.Ref.Name + ".yaml"
	default:
		clone.EntryPoint = clone.Ref.Name + path.Ext(source.EntryPoint)
	}
	files, err := s.clonedFiles(r, source, &clone)
	if err != nil {
		return err
	}
	if old != nil {
		if err := s.removeActionFiles(r, old); err != nil {
			return err
		}
	}
	if err := s.Packs.WriteFiles(r.Context(), clone.Ref.Pack, files); err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := tx.PutAction(r.Context(), &clone); err != nil {
			return err
		}
		return s.note(tx, r, actionUIDs(clone.Ref)[0])
	})
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, func(e *wire.Encoder) { e.Action(&clone, wire.Fields{}) })
}

// checkCloneTarget checks where a clone goes, and returns what it replaces.
func (s *Server) checkCloneTarget(r *request, ref squall.Ref, overwrite bool) (old *squall.Action, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		if _, err := tx.Pack(r.Context(), ref.Pack); err != nil {
			return notFoundAs(err, squall.Errorf(squall.Invalid, "Destination pack %s doesn't exist", pyString(ref.Pack)))
		}
		old, err = tx.Action(r.Context(), ref)
		return notFoundAs(err, nil)
	})
	if err != nil {
		return nil, err
	}
	switch ref.Pack {
	case "chatops", "core", "packs", "linux": // st2
		return nil, checkNotSystem(systemPack)
	}
	if old == nil {
		return nil, nil
	}
	if !overwrite {
		return nil, squall.Errorf(squall.Invalid, "The requested destination action already exists")
	}
	return old, r.caller.CheckOn(auth.ActionDelete, actionUIDs(ref)...)
}

// clonedFiles are the files of a clone: those of the source under other names,
// with the clone's name in the metadata. An action that was made through the API
// has no metadata; its clone gets one.
func (s *Server) clonedFiles(r *request, source, clone *squall.Action) ([]content.File, error) {
	meta, err := s.metadataOf(r, source)
	if err != nil {
		return nil, err
	}
	meta.SetStr("name", clone.Ref.Name)
	if meta.Has("pack") {
		meta.SetStr("pack", clone.Ref.Pack)
	}
	meta.SetStr("entry_point", clone.EntryPoint)
	text, err := pyyaml.SafeDump(yamlBudget(r), meta, pyyaml.DumpOptions{})
	if err != nil {
		return nil, fmt.Errorf("write metadata of action %s: %w", clone.Ref, err)
	}
	files := []content.File{{Path: clone.MetadataFile, Text: []byte(text)}}
	if source.EntryPoint == "" {
		return files, nil
	}
	name := path.Join("actions", source.EntryPoint)
	entry, err := s.readPackFile(r, source.Ref.Pack, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, squall.Errorf(squall.Invalid, "The file %q of action %q is not there", name, source.Ref)
	}
	return append(files, content.File{Path: path.Join("actions", clone.EntryPoint), Text: entry}), err
}

// metadataOf reads the metadata of an action from its file or, where it has
// none, makes it.
func (s *Server) metadataOf(r *request, a *squall.Action) (*value.Dict, error) {
	if a.MetadataFile != "" {
		text, err := s.readPackFile(r, a.Ref.Pack, a.MetadataFile)
		switch {
		case err == nil:
			root, problems := pyyaml.Parse(yamlBudget(r), string(text))
			if d, ok := rootValue(root).(*value.Dict); ok && len(problems) == 0 {
				return d.Clone(), nil
			}
			return nil, squall.Errorf(squall.Invalid, "The metadata of action %q cannot be read: mend %s of pack %s", a.Ref, a.MetadataFile, a.Ref.Pack)
		case !errors.Is(err, fs.ErrNotExist) && squall.KindOf(err) != squall.NotFound:
			return nil, err
		}
	}
	doc := encode(func(e *wire.Encoder) { e.Action(a, wire.Exclude("uid", "ref", "pack", "metadata_file")) })
	meta, err := dictOf(json.RawMessage(doc))
	if err != nil {
		return nil, err
	}
	clean := value.NewDict(meta.Len())
	for k, v := range meta.All() {
		if name, _ := value.AsString(k); name != "id" {
			clean.SetStr(name, v)
		}
	}
	return clean, nil
}

func rootValue(root *pyyaml.Node) any {
	if root == nil {
		return nil
	}
	return root.Value
}

func yamlBudget(r *request) *value.Budget { return value.NewBudget(r.Context(), 10_000_000, 64<<20, 0) }
