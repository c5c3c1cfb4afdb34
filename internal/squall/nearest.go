package squall

// Nearest returns the known word that is at most slips letters away from a
// misspelled one, "" when there is none. A letter inserted, dropped or changed
// is one slip.
func Nearest(word string, known []string, slips int) string {
	best, fewest := "", slips+1
	for _, k := range known {
		if d := distance(word, k); d < fewest && d < len(k) {
			best, fewest = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
