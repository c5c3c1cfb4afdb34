package squalltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs is the directory of the program, once that was made.
var programs string

var program = sync.OnceValues(func() (path string, err error) {
	if programs, err = os.MkdirTemp("", "squalltest"); err != nil {
		return "", err
	}
	path = filepath.Join(programs, "squall")
	return path, compile(path, "")
})

// Program returns the path of the program, which the first call compiles.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Other compiles another build of the program, whose version is as given.
func Other(t testing.TB, version string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "squall")
	if err := compile(path, " -X squall/internal/app.Version="+version); err != nil {
		t.Fatal(err)
	}
	return path
}

// compile leaves the program at path. Unlike go build, go run keeps what it has
// linked in the build cache, so one of the test processes links for all; instead
// of running it, it hands it to cp.
func compile(path, flags string) error {
	out, err := exec.Command("go", "run", "-ldflags", "-s -w"+flags, "-exec", "cp", "squall/cmd/squall", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// Main runs the tests of a package and removes the program. It returns the code to
// exit with.
func Main(m interface{ Run() int }) (code int) {
	code = m.Run()
	if programs != "" {
		_ = os.RemoveAll(programs)
	}
	return code
}
