package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/squall"
)

// Notice is one section of what an action, or the request for it, wants to be
// told at the end of an execution.
type Notice struct {
	On      string          // "on-complete", "on-success" or "on-failure"
	Routes  []string        // where to
	Message string          // rendered
	Data    json.RawMessage // rendered, a JSON object; nil: none
}

// noticeSection is a section as it is written. Old packs say channels (st2).
type noticeSection struct {
	Message  string          `json:"message"`
	Data     json.RawMessage `json:"data"`
	Routes   []string        `json:"routes"`
	Channels []string        `json:"channels"`
}

// RequestKey is the member of an execution's context that holds what its request
// said beside action and parameters; the API does not show it.
const RequestKey = "_request"

// noticeSuffix ends the message of a section that has none (st2).
var noticeSuffix = map[string]string{"on-complete": "completed.", "on-success": "succeeded.", "on-failure": "failed."}

// Notices returns what is to be told about an execution that has ended, read
// with its parameters, context and result. What the request says goes before
// what the action says. A template that cannot be rendered is told as it is.
func (s *Service) Notices(ctx context.Context, ex *squall.Execution) []Notice {
	sections := s.noticeSections(ctx, ex)
	var list []Notice
	for _, on := range []string{"on-complete", "on-success", "on-failure"} {
		section, ok := sections[on]
		routes := append(section.Routes, section.Channels...)
		if !ok || !noticeFits(on, ex.Status) || len(routes) == 0 {
			continue
		}
		n := Notice{On: on, Routes: routes, Message: section.Message, Data: section.Data}
		if n.Message == "" {
			n.Message = fmt.Sprintf("Action %s %s", ex.Action, noticeSuffix[on])
		}
		if err := s.renderNotice(ctx, ex, &n); err != nil {
			s.log.Warn("a notification is not rendered", "execution_id", ex.ID, "action", ex.Action.String(), "error", err)
		}
		list = append(list, n)
	}
	return list
}

// Notifies reports whether anybody is named to be told of an execution. It needs
// no result.
func (s *Service) Notifies(ctx context.Context, ex *squall.Execution) bool {
	return len(s.noticeSections(ctx, ex)) > 0
}

func noticeFits(on string, ended squall.Status) bool {
	switch on {
	case "on-success":
		return ended == squall.Succeeded
	case "on-failure":
		return ended == squall.Failed || ended == squall.Timeout || ended == squall.Abandoned
	}
	return ended.Final()
}

func (s *Service) noticeSections(ctx context.Context, ex *squall.Execution) (sections map[string]noticeSection) {
	var asked struct {
		Request struct {
			Notify json.RawMessage `json:"notify"`
		} `json:"_request"` // RequestKey
	}
	if json.Unmarshal(ex.Context, &asked) == nil && len(asked.Request.Notify) > 2 &&
		json.Unmarshal(asked.Request.Notify, &sections) == nil {
		return sections
	}
	def, err := s.Definition(ctx, ex.ActionVersion)
	if err != nil || len(def.Action.Notify) == 0 || json.Unmarshal(def.Action.Notify, &sections) != nil {
		return nil
	}
	return sections
}

// renderNotice renders message and data with what st2 gives them: the masked
// parameters and result, and the context.
func (s *Service) renderNotice(ctx context.Context, ex *squall.Execution, n *Notice) error {
	if s.flow.Exprs == nil {
		return nil
	}
	mapping := value.DictOf("message", n.Message)
	if len(n.Data) > 0 {
		data, err := value.FromJSON(n.Data)
		if err != nil {
			return err
		}
		mapping.SetStr("data", data)
	}
	parameters, result := s.Masked(ctx, ex)
	variables := value.NewDict(3)
	for name, doc := range map[string]json.RawMessage{"action_parameters": parameters, "action_context": ex.Context, "action_results": result} {
		v := any(value.NewDict(0))
		if len(doc) > 0 {
			var err error
			if v, err = value.FromJSON(doc); err != nil {
				return err
			}
		}
		variables.SetStr(name, v)
	}
	out, err := param.RenderValues(ctx, s.flow.Exprs, mapping, variables, &expr.Env{Store: s.Datastore(), User: ex.User}, expr.TemplateOptions{})
	if err != nil {
		return err
	}
	message, _ := out.GetStr("message")
	if n.Message, err = value.Str(nil, message); err != nil {
		return err
	}
	if data, ok := out.GetStr("data"); ok {
		n.Data, err = value.ToJSON(data)
	}
	return err
}

// Masked returns parameters and result of an execution as those see them who
// may not see secrets. Of an action that nobody knows they are not shown.
func (s *Service) Masked(ctx context.Context, ex *squall.Execution) (parameters, result json.RawMessage) {
	def, err := s.Definition(ctx, ex.ActionVersion)
	if err != nil {
		return json.RawMessage("{}"), nil
	}
	parameters, result = def.Form.Mask(ex.Parameters), maskResult(def, ex, s.OpenResult(ex))
	if len(parameters) == 0 {
		parameters = json.RawMessage("{}")
	}
	return parameters, result
}
