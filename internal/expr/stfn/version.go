package stfn

import (
	"cmp"
	"math/big"
	"regexp"
	"strings"

	"squall/internal/expr/value"
)

// semverPattern is the grammar of Semantic Versioning 2.0.0: three parts, no
// leading zeros, no "v".
var semverPattern = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)` +
	`(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

// semver is a parsed version. Numbers are kept as digits: they have no bound.
type semver struct {
	parts [3]string
	pre   string
}

// Part names a part of a version.
type Part int

// The parts of a version.
const (
	Major Part = iota
	Minor
	Patch
)

func parseVersion(v any) (semver, error) {
	var text string
	switch x := v.(type) {
	case value.Bytes:
		text = string(x)
	default:
		s, ok := value.AsString(v)
		if !ok {
			return semver{}, value.TypeErrorf("not expecting type '<class '%s'>'", value.TypePath(v))
		}
		text = s
	}
	// Python's $ lets one final newline pass.
	m := semverPattern.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
	if m == nil {
		return semver{}, value.ValueErrorf("%s is not valid SemVer string", text)
	}
	return semver{parts: [3]string{m[1], m[2], m[3]}, pre: m[4]}, nil
}

func compareDigits(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a, b)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func (v semver) compare(o semver) int64 {
	for i := range v.parts {
		if c := compareDigits(v.parts[i], o.parts[i]); c != 0 {
			return int64(c)
		}
	}
	switch {
	case v.pre == o.pre:
		return 0
	case v.pre == "":
		return 1
	case o.pre == "":
		return -1
	}
	a, b := strings.Split(v.pre, "."), strings.Split(o.pre, ".")
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		var c int
		switch dx, dy := isDigits(x), isDigits(y); {
		case dx && dy:
			c = compareDigits(x, y)
		case dx:
			c = -1
		case dy:
			c = 1
		default:
			c = cmp.Compare(x, y)
		}
		if c != 0 {
			return int64(c)
		}
	}
	return int64(cmp.Compare(len(a), len(b)))
}

// VersionCompare is semver.compare: -1, 0 or 1; build metadata does not count.
func VersionCompare(a, b any) (any, error) {
	x, err := parseVersion(a)
	if err != nil {
		return nil, err
	}
	y, err := otherVersion(b)
	if err != nil {
		return nil, err
	}
	return x.compare(y), nil
}

func otherVersion(v any) (semver, error) {
	switch v.(type) {
	case string, value.Markup, value.Bytes:
		return parseVersion(v)
	}
	return semver{}, value.TypeErrorf("Expected str, bytes, dict, tuple, list, or Version instance, but got <class '%s'>", value.TypePath(v))
}

func versionTest(holds func(int64) bool) func(*Call, []any) (any, error) {
	return func(_ *Call, a []any) (any, error) {
		n, err := VersionCompare(a[0], a[1])
		if err != nil {
			return nil, err
		}
		return holds(n.(int64)), nil
	}
}

// VersionMatch is semver.match: an operator and a version, or a bare version
// for equality.
func VersionMatch(v, expr any) (any, error) {
	x, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	text, ok := value.AsString(expr)
	if !ok {
		return nil, value.TypeErrorf("'%s' object is not subscriptable", value.TypeName(expr))
	}
	op, rest := "", text
	for _, o := range []string{">=", "<=", "==", "!=", ">", "<"} {
		if strings.HasPrefix(text, o) {
			op, rest = o, text[len(o):]
			break
		}
	}
	if op == "" {
		if text == "" || text[0] < '0' || text[0] > '9' {
			return nil, value.ValueErrorf("match_expr parameter should be in format <op><ver>, where <op> is one of "+
				"['<', '>', '==', '<=', '>=', '!=']. You provided: %s", value.StrRepr(text))
		}
		op = "=="
	}
	y, err := parseVersion(rest)
	if err != nil {
		return nil, err
	}
	switch c := x.compare(y); op {
	case ">":
		return c > 0, nil
	case "<":
		return c < 0, nil
	case ">=":
		return c >= 0, nil
	case "<=":
		return c <= 0, nil
	case "!=":
		return c != 0, nil
	default:
		return c == 0, nil
	}
}

// VersionBump raises one part, zeroes the ones behind it and drops
// pre-release and build.
func VersionBump(v any, part Part) (any, error) {
	x, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	n, _ := new(big.Int).SetString(x.parts[part], 10)
	x.parts[part] = n.Add(n, big.NewInt(1)).String()
	for i := int(part) + 1; i < len(x.parts); i++ {
		x.parts[i] = "0"
	}
	return strings.Join(x.parts[:], "."), nil
}

// VersionStripPatch gives "major.minor".
func VersionStripPatch(v any) (any, error) {
	x, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	return x.parts[0] + "." + x.parts[1], nil
}
