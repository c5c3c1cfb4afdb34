package pack

import (
	"fmt"
	"regexp"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// configFile describes a pack's configuration.
const configFile = "config.schema.yaml"

var attributeName = regexp.MustCompile(`^[\p{L}\p{N}_]+$`)

// readConfigSchema reads config.schema.yaml. The first level is checked like
// the parameters of an action; keywords below it are not (st2: packs have
// unknown ones there).
func readConfigSchema(f *file, root *pyyaml.Node, pack string) *squall.ConfigSchema {
	c := &squall.ConfigSchema{Pack: pack, Attributes: squall.Schema{}}
	for _, e := range f.entries(root) {
		if !attributeName.MatchString(e.name) {
			f.fault(e.key, fmt.Sprintf("attribute name %q is not made of letters, digits and _", e.name), "rename it")
		}
		if e.node.Kind != pyyaml.Mapping {
			f.fault(e.node, fmt.Sprintf("attribute %q must be a mapping, not %s", e.name, kindOf(e.node)), "write type: and description: below its name")
			continue
		}
		c.Attributes = append(c.Attributes, f.parameter(e))
	}
	return c
}
