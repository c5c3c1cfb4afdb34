package stfn

import (
	"fmt"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// systemPrefix marks keys of the system scope; all others belong to the user
// of the workflow.
const systemPrefix = "system."

// St2kv is st2kv(): a value of the datastore. def is Unset when no default
// was given. An expression that came out of data is refused: it could read
// secrets for whoever wrote the data.
func St2kv(c *Call, key, def, decrypt any) (any, error) {
	name, ok := value.AsString(key)
	if !ok {
		return nil, value.TypeErrorf("Given key is not typeof string.")
	}
	plain, ok := decrypt.(bool)
	if !ok {
		return nil, value.TypeErrorf("Decrypt parameter is not typeof bool.")
	}
	user, ok := workflowUser(c.Env)
	if !ok {
		return nil, value.KeyError("Could not get user from context.")
	}
	if c.Env.DataBorn() {
		return nil, evalError("The datastore is not available to expressions that come from data.")
	}
	ref := expr.KeyRef{Scope: expr.ScopeUser, User: user, Name: name, Decrypt: plain}
	shown := user + ":" + name
	if rest, ok := strings.CutPrefix(name, systemPrefix); ok {
		ref = expr.KeyRef{Scope: expr.ScopeSystem, Name: rest, Decrypt: plain}
		shown = rest
	}
	var text string
	var found bool
	if c.Env != nil && c.Env.Store != nil {
		var err error
		if text, found, err = c.Env.Store.Get(c.Ctx, ref); err != nil {
			return nil, &value.Error{Class: "ExpressionEvaluationException", Msg: err.Error(), Err: fmt.Errorf("read datastore: %w", err)}
		}
	}
	if found {
		return text, nil
	}
	if def != any(Unset) {
		return def, nil
	}
	return nil, evalError("The key \"%s\" does not exist in the StackStorm datastore.", shown)
}

// workflowUser is who the workflow runs for: variable st2, key user.
func workflowUser(env *expr.Env) (string, bool) {
	v, _ := env.Lookup("st2")
	d, ok := v.(*value.Dict)
	if !ok {
		return "", false
	}
	u, ok := d.GetStr("user")
	if !ok {
		return "", false
	}
	return value.AsString(u)
}
