// Package native holds the sources of events that run inside the server: files,
// directories, syslog, SNMP traps, HTTP, IMAP, MQTT, the journal, Alertmanager and
// Icinga 2. Each is a sensor.Native: it reads a JSON configuration, waits, and
// emits one event at a time.
//
// A source that can ask again (files, mail, the journal, queues) moves on only when
// an event is stored, and gives it a key, so that what is told twice after a crash
// is one event. A source that cannot (UDP) has a queue with an end; what falls off
// it is counted in the log.
package native
