// Package cronfile reads crontabs, system crontabs such as those in /etc/cron.d,
// and systemd timers, and says line by line what becomes of them.
//
// In: the text of a file. Out: Entries, each with a schedule, a command and who
// runs it, and Notes about lines that cannot be taken over, or not wholly. The
// package touches no file and knows nothing of rules: cli makes those.
package cronfile
