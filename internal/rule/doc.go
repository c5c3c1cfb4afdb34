// Package rule decides whether an event satisfies a rule's criteria, exactly
// as StackStorm's rules engine does, and says which criterion said what.
//
// In: a squall.Rule, compiled once (Compile) into paths, operators, regular
// expressions and templates, and an Event with what the rule may look up (Env).
// Out: a Verdict with every criterion that was evaluated, what it compared, and
// the failures that StackStorm would write as failed enforcements. Validate
// tells what the API refuses when a rule is registered.
//
// Criteria are a conjunction, evaluated in the order written and left at the
// first false one. A key such as trigger.body.items[0].name is a JSONPath over
// {trigger: payload, system: datastore}; what stands behind "#" only keeps keys
// apart. Patterns that are text are templates. Comparisons follow Python: no
// coercion, deep equality, ordering only between comparable types.
//
// A match is pure and bounded: all its work, hostile patterns included, is
// charged to one budget of the expression limits. The instant comes in through
// Env. The package reads no clock, no file and no database and starts no goroutine;
// a compiled Rule is immutable and may be shared.
package rule
