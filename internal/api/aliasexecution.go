package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"squall/internal/alias"
	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/squall"
)

var aliasExecutionShape = newShape("AliasExecutionRequest", `{
	"name": {"type": "string", "required": true}, "format": {"type": "string", "required": true},
	"command": {"type": "string", "required": true}, "source_channel": {"type": "string", "required": true},
	"user": {"type": "string", "default": "channel"}, "source_context": {"type": "object"},
	"notification_channel": {"type": "string"}, "notification_route": {"type": "string"}
}`)

var matchAndExecuteShape = typedShape("AliasMatchAndExecuteRequest", `{
	"command": {"type": "string", "required": true}, "source_channel": {"type": "string", "required": true},
	"user": {"type": "string", "required": true},
	"notification_channel": {"type": "string"}, "notification_route": {"type": "string"}
}`).asks("command", "source_channel", "user")

// said is a command somebody gave in a chat.
type said struct {
	alias    *squall.Alias
	format   string
	command  string
	multiple bool   // there may be several commands in it
	user     string // as the chat knows them
	channel  string
	context  json.RawMessage // what else the chat knows of the message
	route    string          // where the answer goes
}

// aliasExecute runs the action of an alias with the parameters that a command
// holds.
func (s *Server) aliasExecute(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, aliasExecutionShape)
	if err != nil {
		return err
	}
	c := s.saidIn(body)
	c.format = body.str("format")
	all, err := s.aliases(r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a *squall.Alias) bool { return a.Ref.Name == body.str("name") })
	switch {
	case i < 0:
		return squall.Errorf(squall.NotFound, "Unable to find the ActionAliasDB instance. {'name': %s}", pyString(body.str("name")))
	case !all[i].Enabled:
		return squall.Errorf(squall.Invalid, "Action alias with name %q is disabled.", all[i].Ref.Name)
	}
	c.alias = all[i]
	results, err := s.executeAlias(r, c)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, results[0])
}

// aliasMatchAndExecute does the same with the alias that the command means.
func (s *Server) aliasMatchAndExecute(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, matchAndExecuteShape)
	if err != nil {
		return err
	}
	c := s.saidIn(body)
	hit, err := s.matchAlias(r.Context(), c.command)
	if err != nil {
		return err
	}
	c.alias, c.format, c.multiple = hit.Alias, hit.Representation, hit.MatchMultiple
	results, err := s.executeAlias(r, c)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, map[string]any{"results": results})
}

func (s *Server) saidIn(body *object) said {
	return said{
		command: body.str("command"), user: orDefault(body.str("user"), "channel"), channel: body.str("source_channel"),
		context: body.raw("source_context", "object"), route: cmp.Or(body.str("notification_route"), body.str("notification_channel")),
	}
}

// executeAlias asks for a run for every set of parameters in the command.
func (s *Server) executeAlias(r *request, c said) ([]wire.AliasRun, error) {
	open, err := s.showSecrets(r)
	if err != nil {
		return nil, err
	}
	ref, err := squall.ParseRef(c.alias.Action)
	if err != nil {
		return nil, squall.Errorf(squall.NotFound, "Action with ref %q not found ", c.alias.Action)
	}
	action, err := s.action(r, ref.String())
	if err != nil {
		return nil, notFoundAs(err, squall.Errorf(squall.NotFound, "Action with ref %q not found ", ref))
	}
	if err := r.caller.CheckOn(auth.ActionExecute, actionUIDs(ref)...); err != nil {
		return nil, err
	}
	sets, err := c.parameters(r.Context())
	if err != nil {
		return nil, err
	}
	chat := map[string]any{
		"action_alias_ref": map[string]string{"id": string(wire.ObjectID("action_alias", c.alias.Ref.String())), "name": c.alias.Ref.Name},
		"api_user":         c.user, "user": r.caller.User, "source_channel": c.channel,
	}
	if sets, err = s.immutable(r.Context(), c.alias, sets, chat); err != nil {
		return nil, err
	}
	var runs []wire.AliasRun
	for _, params := range sets {
		run, err := s.runAlias(r, c, action, params, chat, open)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// parameters takes the parameters out of a command.
func (c said) parameters(ctx context.Context) ([]*value.Dict, error) {
	known := slices.ContainsFunc(c.alias.Formats, func(f squall.AliasFormat) bool {
		return slices.Contains(f.Representation, c.format) || len(f.Representation) == 0 && c.format == ""
	})
	if !known {
		return nil, squall.Errorf(squall.Invalid, "Format string %q is not available on the alias %q", c.format, c.alias.Ref.Name)
	}
	pattern, err := alias.Compile(c.format)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s", value.MessageOf(err))
	}
	var sets []*value.Dict
	if c.multiple {
		sets, err = pattern.ExtractAll(ctx, c.command)
	} else {
		var one *value.Dict
		one, err = pattern.Extract(ctx, c.command)
		sets = []*value.Dict{one}
	}
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s", value.MessageOf(err))
	}
	return sets, nil
}

// immutable adds the parameters that the alias itself gives.
func (s *Server) immutable(ctx context.Context, a *squall.Alias, sets []*value.Dict, chat map[string]any) ([]*value.Dict, error) {
	given, err := dictOf(a.Immutable)
	if err != nil || given.Len() == 0 {
		return sets, err
	}
	actionContext, _ := value.FromGo(chat).(*value.Dict)
	sets, err = alias.Inject(ctx, s.Exprs, given, sets, actionContext, s.Lifecycle.DatastoreFor(true))
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s", messageOf(err))
	}
	return sets, nil
}

// messageOf is the text of an error of rendering, for a person.
func messageOf(err error) string {
	if value.ClassOf(err) != "" {
		return value.MessageOf(err)
	}
	return err.Error()
}

// runAlias asks for one run and puts the answer for the chat together.
func (s *Server) runAlias(r *request, c said, action *squall.Action, params *value.Dict, chat map[string]any, open bool) (run wire.AliasRun, err error) {
	req := squall.Request{Action: action.Ref, User: r.caller.User, NoSecrets: !r.caller.May(auth.ShowSecrets)}
	if req.Parameters, err = s.castAll(action, params); err != nil {
		return run, err
	}
	if req.Context, err = marshal(chat); err != nil {
		return run, err
	}
	data := map[string]any{"user": c.user, "source_channel": c.channel, "source_context": nil}
	if c.context != nil {
		data["source_context"] = c.context
	}
	route := any(nil) // st2: nobody in particular
	if c.route != "" {
		route = c.route
	}
	notify, err := marshal(map[string]any{"on-complete": map[string]any{"routes": []any{route}, "data": data}})
	if err != nil {
		return run, err
	}
	if req.Context, err = (wire.Extra{Notify: notify}).WithContext(req.Context); err != nil {
		return run, err
	}
	req.Audit = s.inTransaction(r, "alias "+c.alias.Ref.String())
	ex, err := s.Lifecycle.Request(r.Context(), req)
	if err != nil {
		return run, err
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return run, err
	}
	run.Execution = encode(func(e *wire.Encoder) { e.Execution(at(v, squall.Requested), wire.Fields{}) })
	run.Alias = wire.AliasOf(c.alias)
	return run, s.acknowledge(r.Context(), c.alias, &run)
}

// castAll turns the texts of a command into what the action's schema says.
func (s *Server) castAll(action *squall.Action, params *value.Dict) (json.RawMessage, error) {
	types := map[string]string{}
	schemas := []squall.Schema{action.Parameters}
	if rt, ok := s.Runners.RunnerType(action.Runner); ok {
		schemas = []squall.Schema{rt.Parameters, action.Parameters} // the action's count, also without a type (st2)
	}
	for _, schema := range schemas {
		for _, p := range schema {
			types[p.Name] = ""
			var name string
			if json.Unmarshal(p.Type, &name) == nil {
				types[p.Name] = name
			}
		}
	}
	out := value.NewDict(params.Len())
	for k, v := range params.All() {
		name, _ := value.AsString(k)
		cast, err := castSaid(v, types[name])
		if err != nil {
			shown, _ := value.Str(nil, v) // a text
			return nil, squall.Errorf(squall.Invalid, `Failed to cast value "%s" (type: %s) for parameter "%s" of type "%s": %s. Perhaps the value is of an invalid type?`,
				shown, value.TypeName(v), name, types[name], value.MessageOf(err))
		}
		out.SetStr(name, cast)
	}
	doc, err := value.ToJSON(out)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s", value.MessageOf(err))
	}
	return doc, nil
}

// castSaid is param.Cast, but a list is what stands between commas (st2).
func castSaid(v any, typeName string) (any, error) {
	text, isText := value.AsString(v)
	if typeName == "array" && isText {
		list := value.NewList()
		for item := range strings.SplitSeq(text, ",") {
			list.Items = append(list.Items, strings.TrimSpace(item))
		}
		return list, nil
	}
	return param.Cast(value.NewBudget(context.Background(), 1_000_000, 16<<20, 0), v, typeName)
}

// acknowledge renders what is to be said at once: the alias's ack.
func (s *Server) acknowledge(ctx context.Context, a *squall.Alias, run *wire.AliasRun) error {
	ack, err := dictOf(a.Ack)
	if err != nil || ack.Len() == 0 {
		return err
	}
	doc, err := marshal(run)
	if err != nil {
		return err
	}
	variables, err := dictOf(doc)
	if err != nil {
		return err
	}
	env := &expr.Env{Store: s.Lifecycle.DatastoreFor(false)}
	if format, ok := ack.GetStr("format"); ok {
		text, err := s.renderAck(ctx, "format", value.DictOf("alias", format), variables, env)
		if err != nil {
			return err
		}
		shown := text
		if d, ok := text.(*value.Dict); ok {
			shown, _ = d.GetStr("alias")
		}
		message, err := value.Str(nil, shown)
		if err != nil {
			return fmt.Errorf("render ack: %w", err)
		}
		run.Message = &message
		variables.SetStr("message", message)
	}
	if extra, ok := ack.GetStr("extra"); ok {
		d, ok := extra.(*value.Dict)
		if !ok {
			return nil
		}
		rendered, err := s.renderAck(ctx, "extra", d, variables, env)
		if err != nil {
			return err
		}
		if run.Extra, err = value.ToJSON(rendered); err != nil {
			return fmt.Errorf("render ack: %w", err)
		}
	}
	return nil
}

// renderAck renders a part of an ack; what cannot be rendered is a text that
// says so (st2).
func (s *Server) renderAck(ctx context.Context, part string, mapping, variables *value.Dict, env *expr.Env) (any, error) {
	rendered, err := param.RenderValues(ctx, s.Exprs, mapping, variables, env, expr.TemplateOptions{})
	if err == nil {
		return rendered, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return fmt.Sprintf("Cannot render %q in field \"ack\" for alias. %s", part, messageOf(err)), nil
}
