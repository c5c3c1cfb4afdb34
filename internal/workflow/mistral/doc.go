// Package mistral turns workflows of OpenStack Mistral (DSL version 2:
// workflows, workbooks, direct and reverse) and ActionChains into Orquesta
// workflows, and says what it did: what is the same now, what deserves a look,
// and what has no counterpart, each with a rule and a place (rules.go).
//
// In: the text of a definition and what is known around it (Options). Out:
// texts and notes (Result). The same text always gives the same result. A
// workflow whose notes are all informative behaves as it did in Mistral, as far
// as states, published variables and output go; that is held against the
// original engine by a differential test.
//
// The package reads and writes no files, and runs nothing.
package mistral
