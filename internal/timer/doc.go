// Package timer says when a schedule is due: intervals, single dates and cron
// expressions with time zones. It takes a specification and an instant and
// gives the next instant; it never reads the clock, waits or starts anything.
//
// Parse reads the parameters of StackStorm's timers (core.st2.IntervalTimer,
// DateTimer, CronTimer) with the meaning APScheduler 3.11 gives them, Check
// refuses what StackStorm's API refuses, in its words. ParseCrontab reads the
// five fields of crontab(5), @daily and the like, and H, a value spread by a
// key. Both end in a Spec; Spec.Next is exact through changes of the clock and
// ends quickly for dates that never come.
//
// Around a Spec: Exclusion (calendars and maintenance windows), CatchUp (what
// to do with times that were missed), Overlap (what to do while the last run
// is still going). All are decisions on values; who fires is another package.
//
// Names of zones are resolved by the time package; a program that must not
// depend on the machine's database imports time/tzdata.
package timer
