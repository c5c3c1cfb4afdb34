package local

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"squall/internal/runner"
	"squall/internal/squall"
)

// scriptArgs builds a script's arguments as st2 does: named ones first, in the
// order of the request, then all positional ones, given or not.
func scriptArgs(job *runner.Job, kwargOp string) []string {
	given, order := members(givenParams(job))
	var positional []squall.Parameter
	isPositional := map[string]bool{}
	for _, p := range job.Action.Parameters {
		if _, ok := job.ActionParams[p.Name]; ok && p.Position != nil {
			positional = append(positional, p)
			isPositional[p.Name] = true
		}
	}
	slices.SortStableFunc(positional, func(a, b squall.Parameter) int { return *a.Position - *b.Position })

	var args []string
	for _, name := range argOrder(job, order) {
		value := job.ActionParams[name]
		if isPositional[name] || value == nil || value == "" {
			continue // st2 leaves empty named arguments out
		}
		if flag, ok := value.(bool); ok {
			if flag {
				args = append(args, kwargOp+name)
			}
			continue
		}
		p, _ := job.Action.Parameters.Get(name)
		args = append(args, kwargOp+name+"="+pythonText(ordered(value, given[name], p.Default), typeOf(p) == "number"))
	}
	for _, p := range positional {
		value := ordered(job.ActionParams[p.Name], given[p.Name], p.Default)
		args = append(args, positionalText(typeOf(p), value))
	}
	return args
}

// positionalText writes the value of a positional argument by its declared
// type. What Python calls false is empty for most types: st2 passes an integer
// 0 as "", and so do we.
func positionalText(typ string, value any) string {
	switch typ {
	case "string", "number", "float":
		if value == nil {
			return ""
		}
		return pythonText(value, typ != "string")
	case "boolean":
		switch {
		case value == nil:
			return ""
		case truthy(value):
			return "1"
		}
		return "0"
	case "array", "list":
		items, _ := value.([]any)
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = pythonText(item, false)
		}
		return strings.Join(texts, ",")
	case "object":
		if !truthy(value) {
			return ""
		}
		return compactJSON(value)
	case "null":
		return ""
	default: // integer, and parameters without a type
		if !truthy(value) {
			return ""
		}
		return pythonText(value, false)
	}
}

// argOrder is the order named arguments have in st2: what was given, in the
// request's order; then constant defaults in the schema's order; then defaults
// with templates, which are resolved last.
func argOrder(job *runner.Job, given []string) []string {
	names := make([]string, 0, len(job.ActionParams))
	add := func(name string) {
		if _, ok := job.ActionParams[name]; ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range given {
		add(name)
	}
	for _, p := range job.Action.Parameters {
		if !bytes.Contains(p.Default, []byte("{{")) && !bytes.Contains(p.Default, []byte("{%")) {
			add(p.Name)
		}
	}
	for _, p := range job.Action.Parameters {
		add(p.Name)
	}
	return names
}

func givenParams(job *runner.Job) json.RawMessage {
	if job.Execution == nil {
		return nil
	}
	return job.Execution.Parameters
}

// typeOf returns a parameter's JSON type, empty when it has none or several.
func typeOf(p squall.Parameter) string {
	var name string
	if json.Unmarshal(p.Type, &name) != nil {
		return ""
	}
	return name
}

// ordered returns value with the keys of its objects in the order of the
// source it came from. Decoded values have lost it, so a source that decodes
// to the same value stands in; a value no source matches (it was rendered)
// keeps sorted keys.
func ordered(value any, sources ...json.RawMessage) any {
	switch value.(type) {
	case map[string]any, []any:
	default:
		return value
	}
	for _, source := range sources {
		var decoded any
		d := json.NewDecoder(bytes.NewReader(source))
		d.UseNumber()
		if d.Decode(&decoded) == nil && reflect.DeepEqual(decoded, value) {
			if v, err := decodeOrdered(source); err == nil {
				return v
			}
		}
	}
	return value
}
