package driver

import (
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// CheckDelivery refuses a delivery that cannot be stored and fills state and times.
func CheckDelivery(d *store.Delivery, now time.Time) error {
	if !d.ID.Valid() {
		return squall.Errorf(squall.Invalid, "%q is not an identifier of a delivery", d.ID)
	}
	if d.State == "" {
		d.State = store.DeliveryOpen
	}
	if d.At.IsZero() {
		d.At = now
	}
	if d.Due.IsZero() {
		d.Due = d.At
	}
	return CheckText(d.Key, d.Sink, d.Group, d.Fault)
}

// DeliveryEnd returns the state in which an attempt leaves a delivery.
func DeliveryEnd(fault string, retry, now time.Time) (state store.DeliveryState, ended time.Time) {
	switch {
	case !retry.IsZero():
		return store.DeliveryOpen, time.Time{}
	case fault != "":
		return store.DeliveryLost, now
	}
	return store.DeliveryDone, now
}

// PlainText returns s as every database keeps it.
func PlainText(s string) string {
	if CheckText(s) == nil {
		return s
	}
	return replaceBad(s)
}
