package pyyaml

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"squall/internal/expr/value"
)

func toBool(s string) (any, error) {
	switch strings.ToLower(s) {
	case "yes", "true", "on":
		return true, nil
	case "no", "false", "off":
		return false, nil
	}
	return nil, value.KeyError(strings.ToLower(s))
}

func parseInt(s string, base int) (*big.Int, error) {
	n, ok := new(big.Int).SetString(s, base)
	if !ok || s == "" || s[0] == '+' || s[0] == '-' {
		return nil, value.ValueErrorf("invalid literal for int() with base %d: %s", base, value.StrRepr(s))
	}
	return n, nil
}

// maxDigits is CPython's limit on the digits of a decimal integer.
const maxDigits = 4300

func toInt(s string) (any, error) {
	s = strings.ReplaceAll(s, "_", "")
	if s == "" {
		return nil, value.IndexErrorf("string index out of range")
	}
	neg := s[0] == '-'
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	var n *big.Int
	var err error
	switch {
	case s == "0":
		return int64(0), nil
	case strings.HasPrefix(s, "0b"):
		n, err = parseInt(s[2:], 2)
	case strings.HasPrefix(s, "0x"):
		n, err = parseInt(s[2:], 16)
	case strings.HasPrefix(s, "0"):
		n, err = parseInt(s, 8)
	case strings.Contains(s, ":"):
		n, err = sexagesimal(s)
	case len(s) > maxDigits:
		return nil, value.ValueErrorf("Exceeds the limit (%d digits) for integer string conversion: value has %d digits; "+
			"use sys.set_int_max_str_digits() to increase the limit", maxDigits, len(s))
	default:
		n, err = parseInt(s, 10)
	}
	if err != nil {
		return nil, err
	}
	if neg {
		n.Neg(n)
	}
	return value.NormInt(n), nil
}

func sexagesimal(s string) (*big.Int, error) {
	total := new(big.Int)
	sixty := big.NewInt(60)
	for part := range strings.SplitSeq(s, ":") {
		n, err := parseInt(part, 10)
		if err != nil {
			return nil, err
		}
		total.Add(total.Mul(total, sixty), n)
	}
	return total, nil
}

func toFloat(s string) (any, error) {
	s = strings.ToLower(strings.ReplaceAll(s, "_", ""))
	if s == "" {
		return nil, value.IndexErrorf("string index out of range")
	}
	sign := 1.0
	if s[0] == '-' {
		sign = -1
	}
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	switch {
	case s == ".inf":
		return math.Inf(int(sign)), nil
	case s == ".nan":
		return math.NaN(), nil
	case strings.Contains(s, ":"):
		// The last part is the smallest; PyYAML adds them from that end.
		parts := strings.Split(s, ":")
		total, base := 0.0, 1.0
		for i := len(parts) - 1; i >= 0; i-- {
			f, err := pyFloat(parts[i])
			if err != nil {
				return nil, err
			}
			total += f * base
			base *= 60
		}
		return sign * total, nil
	}
	f, err := pyFloat(s)
	if err != nil {
		return nil, err
	}
	return sign * f, nil
}

func pyFloat(s string) (float64, error) {
	t := strings.TrimSpace(s)
	if t == "" || strings.ContainsAny(t, "xXpP_") {
		return 0, value.ValueErrorf("could not convert string to float: %s", value.StrRepr(s))
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, value.ValueErrorf("could not convert string to float: %s", value.StrRepr(s))
	}
	return f, nil
}

var timestampParts = regexp.MustCompile(`^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)` +
	`(?:(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?` +
	`(?:[ \t]*(Z|([-+])([0-9][0-9]?)(?::([0-9]{2}))?))?)?$`)

func toTimestamp(s string) (any, error) {
	m := timestampParts.FindStringSubmatch(s)
	if m == nil {
		return nil, value.AttributeErrorf("'NoneType' object has no attribute 'groupdict'")
	}
	num := func(i int) int64 {
		n, _ := strconv.ParseInt(m[i], 10, 64)
		return n
	}
	if m[4] == "" {
		d, err := value.MakeDate(num(1), num(2), num(3))
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	var micro int64
	if m[7] != "" {
		digits := (m[7] + "000000")[:6]
		micro, _ = strconv.ParseInt(digits, 10, 64)
	}
	var zone *time.Location
	switch {
	case m[9] != "":
		offset := num(10)*3600 + num(11)*60
		if offset >= 24*3600 {
			return nil, value.ValueErrorf("offset must be a timedelta strictly between " +
				"-timedelta(hours=24) and timedelta(hours=24).")
		}
		if m[9] == "-" {
			offset = -offset
		}
		zone = time.FixedZone("", int(offset))
		if offset == 0 {
			zone = time.UTC
		}
	case m[8] != "":
		zone = time.UTC
	}
	d, err := value.MakeDateTime(num(1), num(2), num(3), num(4), num(5), num(6), micro, zone)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// asciiFault is Python's complaint about a text that is not ASCII: where the
// first such run stands.
func asciiFault(s string) string {
	runes := []rune(s)
	first := 0
	for runes[first] < 0x80 {
		first++
	}
	last := first
	for last+1 < len(runes) && runes[last+1] >= 0x80 {
		last++
	}
	const tail = ": ordinal not in range(128)"
	if last > first {
		return fmt.Sprintf("'ascii' codec can't encode characters in position %d-%d%s", first, last, tail)
	}
	shown := fmt.Sprintf(`\U%08x`, runes[first])
	switch r := runes[first]; {
	case r <= 0xff:
		shown = fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		shown = fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf("'ascii' codec can't encode character '%s' in position %d%s", shown, first, tail)
}

// toBinary decodes base64 the lenient way of Python: other characters are
// skipped, only wrong padding is an error.
func toBinary(s string) (any, string) {
	var digits strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 {
			return nil, "failed to convert base64 data into ascii: " + asciiFault(s)
		}
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			digits.WriteByte(c)
		} else if c == '=' && digits.Len()%4 >= 2 {
			break
		}
	}
	text := digits.String()
	if len(text)%4 == 1 {
		return nil, "failed to decode base64 data: Invalid base64-encoded string: number of data characters (" +
			strconv.Itoa(len(text)) + ") cannot be 1 more than a multiple of 4"
	}
	if len(text)%4 != 0 && !strings.Contains(s, "=") {
		return nil, "failed to decode base64 data: Incorrect padding"
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, "failed to decode base64 data: Incorrect padding"
	}
	return value.Bytes(raw), ""
}
