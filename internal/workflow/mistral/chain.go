package mistral

import "go.yaml.in/yaml/v3"

func convertChain(src []byte, root *yaml.Node, o Options) *Result {
	return failed("action-chain", o.Name, RuleNotMistral, "not yet")
}
