package driver

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

// NewestMigration returns the highest number of the files in the directory
// migrations, which are named like 00001_initial.sql. A file named otherwise is
// a mistake of ours and panics.
func NewestMigration(files embed.FS) int64 {
	entries, err := files.ReadDir("migrations")
	if err != nil {
		panic(fmt.Sprintf("driver: migrations: %v", err))
	}
	var newest int64
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("driver: migration %s: %v", e.Name(), err))
		}
		newest = max(newest, n)
	}
	return newest
}
