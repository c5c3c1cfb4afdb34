// Package backuptest proves the pack "backup" with real parts: the program built
// from cmd/squall, sshd on loopback addresses as the hosts, qcow2 images that
// qemu-img made, targets on mounted file systems, and an SMTP server that keeps
// what it gets. It has tests only.
//
// What it looks at is what an administrator would: how executions ended, what
// lies on the targets, what the catalogue says of it, and the mail.
package backuptest
