package reactor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// askAgain is how often a schedule is asked whose conditions do not hold.
const askAgain = 5 * time.Second

// withhold takes back instants that are due when the schedule's conditions do not
// hold: the newest is asked for again until its grace is over, all others are
// skipped. Of several that are due at once only the newest fires, unless all that
// were missed are to be made up for: they waited for the same.
func (r *Reactor) withhold(ctx context.Context, x *index, d *due, now time.Time) error {
	if len(d.decide.Fire) == 0 || d.onlyIf == "" && len(d.after) == 0 {
		return nil
	}
	why, err := r.refuses(ctx, x, d)
	if err != nil {
		return err
	}
	if why == "" && d.catchUp.Policy == timer.MissedAll {
		return nil
	}
	newest, at := 0, time.Time{}
	for i, nominal := range d.decide.Fire {
		if due := nominal.Add(d.delay(nominal)); !due.Before(at) {
			newest, at = i, due
		}
	}
	skip := func(nominal time.Time, why string) {
		d.held = append(d.held, &store.Fire{Ref: d.trigger.Ref.String(), Nominal: nominal.UTC(), Outcome: store.Skipped, At: now, Reason: why})
	}
	last := d.decide.Fire[newest]
	for i, nominal := range d.decide.Fire {
		if i != newest {
			skip(nominal, "A later time is due")
		}
	}
	d.decide.Fire = nil
	again := now.Add(askAgain)
	switch {
	case why == "":
		d.decide.Fire = []time.Time{last}
	case again.Before(at.Add(d.catchUp.Grace)):
		d.decide.Seen = at.Add(-time.Microsecond)
		if d.decide.Next.IsZero() || again.Before(d.decide.Next) {
			d.decide.Next = again
		}
	default:
		skip(last, why)
	}
	return nil
}

// refuses says which condition of a schedule does not hold; "": all do. What
// cannot be read does not hold.
func (r *Reactor) refuses(ctx context.Context, x *index, d *due) (why string, err error) {
	before, ok := d.spec.Last(d.since, d.decide.Fire[0].Add(-1))
	if !ok {
		before = d.since
	}
	var own time.Time
	err = r.st.View(ctx, func(tx store.Tx) error {
		why = ""
		for _, ref := range d.after {
			l := x.rules[ref]
			if l == nil {
				why = fmt.Sprintf("There is no rule %s to succeed first", ref)
				return nil
			}
			success, err := tx.LastSuccess(ctx, squall.TriggerFor(l.noun.Trigger.Type, l.noun.Trigger.Parameters).Ref.String())
			if err != nil {
				return err
			}
			if !success.After(before) {
				why = fmt.Sprintf("%s has not succeeded since %s", ref, before.UTC().Format(time.RFC3339))
				return nil
			}
		}
		own, err = tx.LastSuccess(ctx, d.trigger.Ref.String())
		return err
	})
	if err != nil || why != "" || d.onlyIf == "" {
		return why, err
	}
	variables := value.DictOf("st2", value.DictOf("user", r.User), "nominal", isoTime(d.decide.Fire[len(d.decide.Fire)-1]), "last_success", nil)
	if !own.IsZero() {
		variables.SetStr("last_success", isoTime(own))
	}
	v, err := r.exprs.Eval(ctx, d.onlyIf, &expr.Env{Vars: expr.DictVars(variables), Store: r.data, User: r.User, Options: expr.Options{NoReevaluate: true}})
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if squall.KindOf(err) == squall.Unavailable {
		return "", err
	}
	text := ""
	if err == nil {
		text, err = value.Str(nil, v)
	}
	if err != nil {
		return clean("only_if cannot be asked: " + value.MessageOf(err)), nil
	}
	if no(text) {
		return "only_if does not hold", nil
	}
	return "", nil
}

// no reports whether a rendered condition says no.
func no(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "false", "no", "off", "0", "none", "null":
		return true
	}
	return false
}

// clean makes a text one that the database takes.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
