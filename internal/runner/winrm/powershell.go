package winrm

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf16"

	"squall/internal/runner"
)

// longestLine is what cmd.exe takes at most.
const longestLine = 8191

// pieceSize is how much of a script is uploaded at a time: encoded twice it must
// fit into a line.
const pieceSize = 2000

// powershell is the command line that runs a script.
func powershell(script string) string {
	units := utf16.Encode([]rune(script))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return "powershell -encodedcommand " + base64.StdEncoding.EncodeToString(b)
}

// psValue writes a value in PowerShell's notation.
func psValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "$null"
	case string:
		return `"` + psEscapes.Replace(v) + `"`
	case bool:
		if v {
			return "$true"
		}
		return "$false"
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = psValue(item)
		}
		return "@(" + strings.Join(items, ", ") + ")"
	case runner.Object:
		items := make([]string, len(v))
		for i, m := range v {
			items[i] = psValue(m.Name) + " = " + psValue(m.Value)
		}
		return "@{" + strings.Join(items, "; ") + "}"
	default:
		return runner.PythonText(v, false)
	}
}

var psEscapes = strings.NewReplacer("\n", "`n", "\r", "`r", "\t", "`t", "\a", "`a", "\b", "`b", "\f", "`f", "\v", "`v",
	`"`, "`\"", "'", "`'", "`", "``", "\x00", "`0", "$", "`$")

// cleanError makes text of PowerShell's errors, which come as XML over WinRM.
// Anything else stays as it is.
func cleanError(text string) string {
	doc, ok := strings.CutPrefix(text, "#< CLIXML")
	if !ok {
		return text
	}
	var objs struct {
		S []struct {
			Kind string `xml:"S,attr"`
			Text string `xml:",chardata"`
		} `xml:"S"`
	}
	if xml.Unmarshal([]byte(strings.TrimSpace(doc)), &objs) != nil {
		return text
	}
	var b strings.Builder
	for _, s := range objs.S {
		b.WriteString(strings.ReplaceAll(s.Text, "_x000D__x000A_", "\n"))
	}
	return strings.TrimSpace(b.String())
}

func messageID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
