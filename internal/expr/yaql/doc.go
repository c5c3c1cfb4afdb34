// Package yaql is the YAQL expression language: lexer, parser, compiler,
// overload resolution, lazy sequences and the whole standard library of yaql
// 3.2, and around it the rules by which Orquesta finds and evaluates
// expressions in text, with the functions Orquesta and StackStorm add.
//
// In: texts or bare expressions, an expr.Env with the variables. Out: values
// of package value, or *expr.Error with StackStorm's wording. An Engine is
// built once and is immutable; programs are compiled once and may run at the
// same time.
//
// Way of the data: Parse makes a syntax tree, the compiler turns it into nodes
// that already hold the overloads that fit, nodes evaluate in frames (the
// contexts of YAQL). Input is never converted: see container.go for how lists
// and dicts of the input are told from those an expression makes.
//
// Every call and every element of a sequence is charged to the budget, so an
// endless sequence ends with an error. The package never reads the clock: now()
// takes the time from Options.
package yaql
