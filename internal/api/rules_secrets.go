package api

import (
	"bytes"
	"context"

	"squall/internal/api/wire"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// ruleMask hides in rules what is secret in the parameters they give their action
// (st2), each action read once. A nil one hides nothing.
type ruleMask struct {
	s     *Server
	forms map[string]*param.Form // nil for an action that is not there: nothing of it is secret (st2)
}

// ruleMask returns what hides secrets from the caller.
func (s *Server) ruleMask(r *request) (*ruleMask, error) {
	open, err := s.showSecrets(r)
	if err != nil || open {
		return nil, err
	}
	return s.newRuleMask(), nil
}

func (s *Server) newRuleMask() *ruleMask { return &ruleMask{s: s, forms: map[string]*param.Form{}} }

// hide masks a rule that was read to be shown.
func (m *ruleMask) hide(ctx context.Context, tx store.Tx, rule *squall.Rule) error {
	if m == nil || len(rule.Action.Parameters) == 0 {
		return nil
	}
	form, known := m.forms[rule.Action.Ref]
	if !known {
		ref, err := squall.ParseRef(rule.Action.Ref)
		if err != nil {
			return nil //nolint:nilerr // no action is called so
		}
		def, err := m.s.Lifecycle.Present(ctx, tx, ref)
		switch {
		case err == nil:
			form = def.Form
		case squall.KindOf(err) != squall.NotFound:
			return err
		}
		m.forms[rule.Action.Ref] = form
	}
	if form != nil {
		rule.Action.Parameters = form.Mask(rule.Action.Parameters)
	}
	return nil
}

// keepMasked puts what was stored back where the caller sent the mask: who reads a
// rule, changes something else and writes it again never saw the secret.
func keepMasked(stored, sent *squall.Rule) {
	if stored.Action.Ref != sent.Action.Ref || !bytes.Contains(sent.Action.Parameters, []byte(`"`+wire.Masked+`"`)) {
		return
	}
	before, after := wire.DecodeNumbers(stored.Action.Parameters), wire.DecodeNumbers(sent.Action.Parameters)
	if doc, err := marshal(unmasked(before, after)); err == nil {
		sent.Action.Parameters = doc
	}
}

func unmasked(before, after any) any {
	switch after := after.(type) {
	case string:
		if after == wire.Masked && before != nil {
			return before
		}
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			for name, v := range after {
				after[name] = unmasked(before[name], v)
			}
		}
	case []any:
		if before, ok := before.([]any); ok && len(before) == len(after) {
			for i, v := range after {
				after[i] = unmasked(before[i], v)
			}
		}
	}
	return after
}
