// Package param is what an action's parameter schema means: which parameters a
// request may give, what is filled in before the run, and what must not be
// shown.
//
// The schema of a run is the runner's parameters overridden attribute by
// attribute by the action's, as in StackStorm. Form is its compiled form;
// Of keeps one per version of an action. In flow the caller's JSON object and,
// for results, the runner's; out flow checked, completed or masked JSON values
// and errors of kind squall.Invalid with StackStorm's wording.
//
// A request goes through Form.Live (render, cast, check; what it returns is
// stored), the start of a run through Form.Start (defaults filled in, those
// that are templates rendered). Parameters without any template, nearly all,
// are neither rendered nor cast. Form.Validate and Form.Final are the same
// without templates: a default that holds one counts as given.
//
// The package reads nothing and stores nothing; it does not know executions.
package param
