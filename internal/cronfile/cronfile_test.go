package cronfile

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"squall/internal/timer"
)

func TestCrontab(t *testing.T) {
	t.Parallel()
	entries, notes := Crontab(strings.Join([]string{
		"# a comment", "", "MAILTO = root", `SHELL="/bin/bash"`, "PATH=/usr/bin:/bin", "CRON_TZ=Europe/Berlin",
		"*/5 * * * *\techo a \\% b", "@daily backup --all", "@reboot start", "99 * * * * x", "30 3 * * mon-fri", "0 0 1 1 * mail x%hello%you",
		"CRON_TZ=Nowhere/Atall", "0 0 * * * y",
	}, "\n")+"\n", false)
	if len(entries) != 4 || len(notes) != 8 {
		t.Fatalf("%d entries, %v", len(entries), notes)
	}
	first := entries[0]
	if first.Line != 7 || first.Cron != "*/5 * * * *" || first.Command != "echo a % b" || first.Shell != "/bin/bash" || first.Zone != "Europe/Berlin" || first.Env["PATH"] != "/usr/bin:/bin" || first.MailTo != "root" || len(first.Env) != 1 {
		t.Errorf("the first is %+v", first)
	}
	if e := entries[1]; e.Cron != "@daily" || e.Command != "backup --all" {
		t.Errorf("the second is %+v", e)
	}
	if want := "{ mail x ; } <<'SQUALL_INPUT'\nhello\nyou\nSQUALL_INPUT"; entries[2].Command != want {
		t.Errorf("with input: %q", entries[2].Command)
	}
	lost := 0
	for _, n := range notes {
		if n.Lost {
			lost++
		}
	}
	if lost != 3 {
		t.Errorf("%d lines lost: %v", lost, notes)
	}

	entries, notes = Crontab("17 * * * * root cd / && run-parts /etc/cron.hourly\n0 1 * * * root\n", true)
	if len(entries) != 1 || entries[0].User != "root" || entries[0].Command != "cd / && run-parts /etc/cron.hourly" || len(notes) != 1 {
		t.Errorf("system crontab: %+v, %v", entries, notes)
	}
}

func TestSystemd(t *testing.T) {
	t.Parallel()
	entries, notes := Systemd("backup.timer", "[Unit]\nDescription=x\n[Timer]\nOnCalendar=Mon..Fri *-*-* 02:30\nOnCalendar=daily UTC\nOnBootSec=5min\nOnUnitActiveSec=1h 30min\nRandomizedDelaySec=10m\nPersistent=true\n[Install]\nWantedBy=x\n")
	if len(entries) != 3 || len(notes) != 1 || !notes[0].Lost {
		t.Fatalf("%+v, %v", entries, notes)
	}
	e := entries[0]
	if e.Calendar["day_of_week"] != "mon-fri" || e.Calendar["hour"] != "02" || e.Command != "systemctl start backup.service" || e.Missed != "last" || e.Jitter != 10*time.Minute {
		t.Errorf("%+v", e)
	}
	if entries[1].Zone != "UTC" || entries[2].Every != 90*time.Minute {
		t.Errorf("%+v", entries[1:])
	}
}

// TestOnCalendar compares with systemd's own calendar.
func TestOnCalendar(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing: the Debian package systemd has it")
	}
	line := regexp.MustCompile(`(?:Next elapse|Iteration #\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC`)
	for _, text := range []string{
		"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly",
		"Mon..Fri *-*-* 02:30:00", "Sat,Sun 12:00", "*:0/15", "*-*-1,15 04:05:06", "Mon *-05..08-* 00:00", "*-02-29 00:00:00", "Wed,Fri..Sun 8..18:00/20:00", "2030-01-01 00:00:00", "*-*-* 0/6:30",
	} {
		out, err := exec.CommandContext(t.Context(), tool, "calendar", "--iterations=6", "--base-time=2026-11-22 12:34:56 UTC", text).CombinedOutput()
		if err != nil {
			t.Logf("systemd-analyze: %s", out)
			t.Skip("this systemd-analyze cannot compute without its manager")
		}
		var want []string
		for _, m := range line.FindAllStringSubmatch(string(out), -1) {
			want = append(want, m[1])
		}
		calendar, _, err := OnCalendar(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		doc := "{"
		for name, v := range calendar {
			doc += fmt.Sprintf("%q:%q,", name, v)
		}
		base := time.Date(2026, 11, 22, 12, 34, 56, 0, time.UTC)
		spec, err := timer.Parse(timer.Cron, []byte(doc[:len(doc)-1]+"}"), timer.At{Now: base})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		at := base
		for range want {
			next, ok := spec.Next(at)
			if !ok {
				break
			}
			got, at = append(got, next.UTC().Format("2006-01-02 15:04:05")), next
		}
		if len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", text, got, want)
		}
	}
	for _, text := range []string{"*-*~1", "foo", "12:00:00.5", "Mon..Xyz", "*-*-* 25:00", ""} {
		if c, _, err := OnCalendar(text); err == nil && text != "" {
			t.Errorf("%q is taken as %v", text, c)
		}
	}
}
