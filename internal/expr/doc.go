// Package expr is the one door to the two expression languages, YAQL and
// Jinja. It owns what both share: the contract a language keeps (Language,
// Program, Template), what an expression may see (Env), the quotas it runs
// under (Limits), its errors with their place in the text, and Set, which
// finds expressions in text and nested values, compiles them once and
// evaluates them often.
//
// In: texts and nested values, an Env with variables and optional look-ups
// for the datastore and for task executions. Out: values of package value.
//
// What belongs where: a language turns one text with its delimiters into one
// native value, with all wrapper rules of the original (several expressions
// in a text, re-evaluation of string results, the wording of errors). The
// facade walks nested values, chooses the language of a text, caches
// programs, and joins the problems of validation.
//
// Evaluation is pure, bounded in steps, memory and depth, and ends when its
// context is cancelled. This package never reads files, the clock, the
// network or a database: what must be looked up comes in through Env.
package expr
