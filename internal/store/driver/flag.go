package driver

// Flag writes a bool as the number that a column holds.
func Flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
