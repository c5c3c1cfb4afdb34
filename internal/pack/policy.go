package pack

import (
	"fmt"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

var policyKeys = []string{"name", "pack", "description", "enabled", "resource_ref", "policy_type", "parameters"}

// policyTypes are made once: reading packs must not make them for every file.
var policyTypes = squall.PolicyTypes()

// readPolicy reads a policy. The action it is for need not exist (st2).
func readPolicy(f *file, root *pyyaml.Node, pack string) *squall.Policy {
	p := &squall.Policy{MetadataFile: f.name}
	c := common{kind: "a policy", enabled: true}
	var resourceAt, typeAt, parametersAt *pyyaml.Node
	for _, e := range f.entries(root) {
		switch e.name {
		case "resource_ref":
			p.Resource, resourceAt = f.text("resource_ref", e.node), e.node
		case "policy_type":
			p.Type, typeAt = f.text("policy_type", e.node), e.node
		case "parameters":
			p.Parameters, parametersAt = f.object("parameters", e.node), e.node
		case "tags":
			f.unknown(e, "a policy has no %q", policyKeys)
		default:
			if !c.read(f, e, pack) {
				f.unknown(e, "a policy has no %q", policyKeys)
			}
		}
	}
	f.need(root, "name", c.name, c.nameAt, "add a line name: with the policy's name")
	f.need(root, "resource_ref", p.Resource, resourceAt, "add a line resource_ref: with the action it is for")
	f.need(root, "policy_type", p.Type, typeAt, "add a line such as policy_type: action.concurrency")
	p.Ref = squall.Ref{Pack: pack, Name: c.name}
	p.Description, p.Enabled = c.description, c.enabled
	if p.Type == "" || f.broken {
		return p
	}
	i := slices.IndexFunc(policyTypes, func(t *squall.PolicyType) bool { return t.Ref.String() == p.Type })
	if i < 0 {
		f.fault(typeAt, fmt.Sprintf("there is no policy type %q", p.Type), "use action.concurrency, action.concurrency.attr or action.retry")
		return p
	}
	if parametersAt == nil {
		parametersAt = root
	}
	filled, err := fill(policyTypes[i].Parameters, p.Parameters)
	if err != nil {
		f.fault(parametersAt, "parameters: "+squall.MessageOf(err), "see what "+p.Type+" takes")
		return p
	}
	p.Parameters = filled
	return p
}
