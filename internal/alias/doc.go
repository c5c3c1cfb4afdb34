// Package alias understands what people say to the chat bot: it turns the
// formats of action aliases into patterns, finds the alias that a command means,
// and takes the parameters out of it, exactly as StackStorm does.
//
// In: squall.Alias with its formats, compiled once into a Book, and the text of a
// command. Out: hits (Book.Match), the one alias meant (Book.Resolve), parameters
// (Pattern.Extract), lines of help (Help), and immutable parameters rendered into
// what was extracted (Inject).
//
// A format is a regular expression of Python in which {{ name }} is a parameter
// and {{ name = default }} an optional one; whatever a command has at its end in
// the form key=value is a parameter too. Values are texts.
//
// Formats are written by authors of packs, commands by anybody in the chat:
// matching is bounded in steps and in length, and a format that is no pattern, or
// that takes too long, is a Problem of its alias and of no other. In StackStorm one
// bad format breaks the matching of every command. The package is pure; a Book and
// its patterns are immutable and may be shared.
package alias
