package pyyaml

import "regexp"

// The tags of YAML's own types.
const (
	tagPrefix    = "tag:yaml.org,2002:"
	tagNull      = tagPrefix + "null"
	tagBool      = tagPrefix + "bool"
	tagInt       = tagPrefix + "int"
	tagFloat     = tagPrefix + "float"
	tagStr       = tagPrefix + "str"
	tagTimestamp = tagPrefix + "timestamp"
	tagMerge     = tagPrefix + "merge"
	tagValue     = tagPrefix + "value"
	tagBinary    = tagPrefix + "binary"
	tagSeq       = tagPrefix + "seq"
	tagMap       = tagPrefix + "map"
	tagSet       = tagPrefix + "set"
	tagOmap      = tagPrefix + "omap"
	tagPairs     = tagPrefix + "pairs"
)

// The forms of YAML 1.1 scalars as PyYAML knows them. They differ from the
// specification: floats need a point and a signed exponent, base 60 is in,
// 0o is out.
var (
	boolForm = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	intForm  = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	floatForm = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	timestampForm = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?` +
		`(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?` +
		`(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$`)
)

// resolve gives the tag of a plain scalar. The first character decides which
// forms are tried, in PyYAML's order.
func resolve(s string) string {
	if s == "" {
		return tagNull
	}
	// Python's $ lets one final newline pass; plain scalars never end in one,
	// but texts that are to be written may.
	if s[len(s)-1] == '\n' {
		s = s[:len(s)-1]
		if s == "" {
			return tagStr
		}
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		switch {
		case floatForm.MatchString(s):
			return tagFloat
		case intForm.MatchString(s):
			return tagInt
		case timestampForm.MatchString(s):
			return tagTimestamp
		}
	case c == '-' || c == '+':
		switch {
		case floatForm.MatchString(s):
			return tagFloat
		case intForm.MatchString(s):
			return tagInt
		}
	case c == '.':
		if floatForm.MatchString(s) {
			return tagFloat
		}
	case c == '~':
		if s == "~" {
			return tagNull
		}
	case c == '<':
		if s == "<<" {
			return tagMerge
		}
	case c == '=':
		if s == "=" {
			return tagValue
		}
	default:
		return resolveWord(s)
	}
	return tagStr
}

func resolveWord(s string) string {
	switch s[0] {
	case 'n', 'N':
		if s == "null" || s == "Null" || s == "NULL" {
			return tagNull
		}
	case 'y', 'Y', 't', 'T', 'f', 'F', 'o', 'O':
	default:
		return tagStr
	}
	if len(s) <= 5 && boolForm.MatchString(s) {
		return tagBool
	}
	return tagStr
}
