package app

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notifySystemd sends a state such as "READY=1" to the service manager that
// started us (sd_notify(3)). Without one it does nothing.
func notifySystemd(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if path[0] == '@' { // an abstract socket
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// keepWatchdog tells the service manager, twice per WatchdogSec, that the
// process is alive and alive() says so; it stops telling when alive does not.
func keepWatchdog(ctx context.Context, alive func(context.Context) error) error {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(time.Duration(usec) * time.Microsecond / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if alive(ctx) == nil {
				_ = notifySystemd("WATCHDOG=1") // the manager is gone: nobody left to tell
			}
		}
	}
}
