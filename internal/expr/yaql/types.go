package yaql

import (
	"squall/internal/expr/value"
)

// paramKind is the type of a parameter. It decides which values a candidate
// accepts, whether the argument is evaluated, and how it is converted.
type paramKind uint8

const (
	kAny paramKind = iota
	kString
	kInt     // int, bool included (Python's bool is an int)
	kInteger // int, bool excluded
	kNumber  // int or float, bool excluded
	kBool
	kMapping
	kSet
	kDateTime // naive ones are taken as UTC
	kDatetime // as they are
	kTimespan
	kRegex
	kNull
	kTuple
	kIterable
	kIterableNotSet
	kIteratorType // collections.abc.Iterator
	kSequence
	kOrdering
	kContext
	kCallable
	kRule // an evaluated k => v pair
	kYaqlized

	// Constants: the argument must be written in the expression.
	kStringConst
	kKeyword

	// Lazy kinds: the argument stays an expression.
	kLambda
	kLambdaCtx    // called with a context of the function's choosing
	kLambdaMethod // must be a call; evaluated with a receiver
	kLambdaMethodCtx
	kLazyRule // k => v, both unevaluated
	kExpr     // any expression
	kCallExpr // a call expression for yaqlized objects
)

func (k paramKind) lazy() bool { return k >= kLambda }

// check reports whether a parameter of this type takes the value (an evaluated
// argument or a literal).
func (p *param) check(o *engineOptions, v any) bool {
	switch p.kind {
	case kLambda, kLambdaCtx, kLambdaMethod, kLambdaMethodCtx:
		return true
	case kLazyRule, kExpr, kCallExpr, kStringConst, kKeyword:
		return false // these need an expression
	}
	if v == nil {
		return p.nullable
	}
	switch p.kind {
	case kAny:
		return true
	case kString:
		return value.IsString(v)
	case kInt:
		if _, ok := v.(bool); ok {
			return true
		}
		return value.IsInt(v)
	case kInteger:
		return value.IsInt(v)
	case kNumber:
		return value.IsNumber(v)
	case kBool:
		_, ok := v.(bool)
		return ok
	case kMapping:
		_, ok := mapping(v)
		return ok
	case kSet:
		return isSet(v)
	case kDateTime, kDatetime:
		_, ok := v.(value.DateTime)
		return ok
	case kTimespan:
		_, ok := v.(value.TimeSpan)
		return ok
	case kRegex:
		_, ok := v.(*regexValue)
		return ok
	case kNull:
		return false
	case kTuple:
		_, ok := tupleItems(v)
		return ok
	case kIterable, kIterableNotSet:
		if o.IterableDicts {
			if _, ok := mapping(v); ok {
				return true
			}
		}
		return isIterable(v) && (p.kind == kIterable || !isSet(v))
	case kIteratorType:
		return isIterator(v)
	case kSequence:
		return isSequence(v)
	case kOrdering:
		_, ok := v.(*ordered)
		return ok
	case kContext:
		_, ok := v.(*frame)
		return ok
	case kCallable:
		_, ok := v.(value.Callable)
		return ok
	case kRule:
		_, ok := v.(*mappingRule)
		return ok
	case kYaqlized:
		_, ok := v.(Yaqlized)
		return ok
	}
	return false
}

// checkNode reports whether the parameter may take an argument that is still
// an expression. Literals are checked by value; other expressions are taken on
// trust, except where the type asks for a form of expression.
func (p *param) checkNode(o *engineOptions, n node) bool {
	c, isConst := n.(*constNode)
	switch p.kind {
	case kKeyword:
		return isConst && c.keyword
	case kStringConst:
		if !isConst {
			return false
		}
		_, ok := c.val.(string)
		return ok
	case kLambdaMethod, kLambdaMethodCtx, kCallExpr:
		_, ok := n.(*callNode)
		return ok
	case kLazyRule:
		_, ok := n.(*ruleNode)
		return ok
	case kExpr:
		return true
	}
	if isConst {
		return p.check(o, c.val)
	}
	return true
}

// pyClass orders the types that are Python classes for specificity.
type pyClass uint8

const (
	classNone   pyClass = iota // not a plain class: never more or less specific
	classObject                // kAny
	classStr
	classInt
	classBool
	classMapping
	classSetType
	classIterable
	classIterator
	classSequence
	classTuple
	classOther // unrelated to all but object
)

var kindClass = map[paramKind]pyClass{
	kAny: classObject, kString: classStr, kInt: classInt, kInteger: classInt, kBool: classBool,
	kMapping: classMapping, kSet: classSetType, kDateTime: classOther, kDatetime: classOther, kTimespan: classOther,
	kRegex: classOther, kNull: classOther, kTuple: classTuple, kIterable: classIterable, kIterableNotSet: classIterable,
	kIteratorType: classIterator, kSequence: classSequence, kOrdering: classOther, kContext: classOther,
	kRule: classOther, kCallable: classObject,
}

// superclasses of a class, object aside.
var superclasses = map[pyClass][]pyClass{
	classStr:      {classSequence, classIterable},
	classBool:     {classInt},
	classMapping:  {classIterable},
	classSetType:  {classIterable},
	classIterator: {classIterable},
	classSequence: {classIterable},
	classTuple:    {classSequence, classIterable},
}

// moreSpecific reports whether a is a strict subclass of b.
func moreSpecific(a, b *param) bool {
	x, y := kindClass[a.kind], kindClass[b.kind]
	if x == y || x == classNone || y == classNone || x == classObject {
		return false
	}
	if y == classObject {
		return true
	}
	if a.kind == kOrdering && y == classIterable {
		return true
	}
	for _, s := range superclasses[x] {
		if s == y {
			return true
		}
	}
	return false
}

func isSet(v any) bool {
	switch v := v.(type) {
	case *value.Set:
		return true
	case *view:
		return v.kind != viewValues
	}
	return false
}

// isSequence: indexable, not a string.
func isSequence(v any) bool {
	switch v.(type) {
	case value.Tuple, *value.List, *list, value.Bytes, *value.Range:
		return true
	}
	return false
}

func isIterator(v any) bool {
	switch v.(type) {
	case *lazy:
		return true
	}
	_, ok := v.(value.Iterator)
	return ok
}

// isIterable: anything to iterate over that is neither string nor mapping.
func isIterable(v any) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string, value.Markup, *value.Dict, *dict:
		return false
	case value.Tuple, *value.List, *list, *value.Set, *view, *lazy, *ordered, *memo, value.Bytes, *value.Range:
		return true
	}
	if isIterator(v) {
		return true
	}
	_, ok := v.(value.Iterable)
	return ok
}

// Yaqlized is an object that lets expressions reach its attributes, methods
// and items. None of the three ever sees a name that starts with "_".
type Yaqlized interface {
	value.Object
	// YaqlAttr reads an attribute.
	YaqlAttr(name string) (any, error)
	// YaqlCall calls a method.
	YaqlCall(name string, args []any, kwargs *value.Kwargs) (any, error)
	// YaqlItem reads an item.
	YaqlItem(key any) (any, error)
}
