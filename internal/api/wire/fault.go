package wire

// Fault is the body of every answer that is not a success.
type Fault struct {
	Text string `json:"faultstring"`
}

// AppendFault appends the JSON document of a fault.
func AppendFault(b []byte, text string) []byte {
	b = append(b, `{"faultstring": `...)
	return append(AppendString(b, text), '}')
}
