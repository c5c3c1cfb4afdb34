package mistral

import (
	"cmp"
	"fmt"
	"slices"
)

// Level says what a note means for its workflow.
type Level string

// The levels.
const (
	// Info: it was converted, and behaves the same.
	Info Level = "info"
	// Look: it was converted, and behaves otherwise in cases that somebody has to
	// judge.
	Look Level = "look"
	// Impossible: there is no counterpart; the workflow is not converted.
	Impossible Level = "impossible"
)

// Rule names a reason for a note. docs/migration.md explains each.
type Rule string

// The rules, and what they are about.
const (
	RuleParallelError  Rule = "M101" // an unhandled error ends parallel branches
	RuleOnComplete     Rule = "M102" // on-complete after an error that nobody handles
	RuleSucceed        Rule = "M103" // succeed beside other branches
	RuleMessage        Rule = "M104" // messages of engine commands
	RuleWaitAfter      Rule = "M105" // wait-after
	RuleTimeout        Rule = "M106" // timeout of a task
	RuleFailOn         Rule = "M107" // fail-on
	RuleItemLists      Rule = "M108" // item lists of different lengths
	RuleItemFailure    Rule = "M109" // items that follow a failed one
	RuleIgnored        Rule = "M110" // keep-result, safe-rerun, target, tags
	RuleGlobal         Rule = "M111" // global and atomic publishing
	RuleSubworkflow    Rule = "M112" // results of sub-workflows lie under output
	RuleJoinCount      Rule = "M113" // join of one or N
	RuleSameVariable   Rule = "M114" // one variable published on branches that meet
	RuleRenamed        Rule = "M115" // a name that is a command in Orquesta
	RuleAddedTask      Rule = "M116" // a task was added
	RuleSystem         Rule = "M117" // env(), execution()
	RuleNoOutput       Rule = "M118" // a workflow without output
	RuleTaskState      Rule = "M119" // task(x).state
	RuleStdAction      Rule = "M120" // std.* with another counterpart
	RuleOutputOnError  Rule = "M121" // output-on-error
	RuleMaybeUndefined Rule = "M122" // a variable that is not published on every way
	RuleFunction       Rule = "M123" // a function that is called otherwise
	RuleTarget         Rule = "M124" // the target of a reverse workflow was guessed
	RuleItemRetry      Rule = "M125" // retry of a task with items
	RuleJoinError      Rule = "M126" // a join that cannot be reached any more
	RuleChainText      Rule = "M131" // values of an ActionChain were texts
	RuleChainResult    Rule = "M132" // the result of an ActionChain had its tasks
	RuleChainConfig    Rule = "M133" // st2 contexts in ActionChains

	RulePause         Rule = "M901" // pause, pause-before
	RuleReverse       Rule = "M902" // a reverse workflow without a target
	RulePublishCycle  Rule = "M903" // variables published from each other
	RuleNoFunction    Rule = "M904" // a function without a counterpart
	RuleAdhoc         Rule = "M905" // an ad-hoc action that cannot be taken in
	RuleNotMistral    Rule = "M906" // not a workflow of Mistral
	RuleWrong         Rule = "M907" // Mistral does not accept it either
	RuleMixedTemplate Rule = "M908" // a condition that is not one expression
	RuleInspection    Rule = "M909" // what came out does not pass inspection
	RuleNoAction      Rule = "M910" // a standard action without a counterpart
)

// Note is something to know about a conversion. Line and Column count from 1
// and lie in the source; 0 when there is no place.
type Note struct {
	Rule    Rule   `json:"rule"`
	Level   Level  `json:"level"`
	Task    string `json:"task,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// Verdict sums up the notes of a workflow.
type Verdict string

// The verdicts.
const (
	Complete  Verdict = "complete"
	WithNotes Verdict = "look here"
	NotAtAll  Verdict = "impossible"
)

func verdict(notes []Note) Verdict {
	v := Complete
	for _, n := range notes {
		switch n.Level {
		case Impossible:
			return NotAtAll
		case Look:
			v = WithNotes
		case Info:
		}
	}
	return v
}

// notes collects notes; the same one is kept once.
type notes struct{ list []Note }

func (n *notes) add(rule Rule, level Level, at place, format string, args ...any) {
	note := Note{Rule: rule, Level: level, Task: at.task, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(n.list, note) {
		n.list = append(n.list, note)
	}
}

func (n *notes) sorted() []Note {
	slices.SortStableFunc(n.list, func(a, b Note) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule)) })
	return n.list
}

// place is where in the source a note belongs.
type place struct {
	task         string
	line, column int
}
