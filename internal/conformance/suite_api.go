package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"squall/internal/expr/value"
)

// pair is a recorded request with StackStorm's answer.
type pair struct {
	Order   int    `json:"order"`
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
	} `json:"response"`
	group     string
	corrected string // why the answer is not the recorded one; "": it is
}

// isStream tells the pairs whose answer is a stream of events.
func (p *pair) isStream() bool {
	return strings.HasPrefix(p.Response.Headers["Content-Type"], "text/event-stream")
}

// apiSuite runs the folder "api": requests replayed in the order in which they
// were recorded, on one server, the answers compared.
//
//	make conformance ARGS='-suite api -category rules -v'
func apiSuite() Suite {
	r := &replay{}
	return Suite{
		Name: "api", Load: r.load, Prepare: r.prepare, Limit: 30 * time.Second,
		Modes: map[string]Runner{"pair": func(ctx context.Context, c *Case) (any, error) {
			if diff := r.play(ctx, r.pairs[c.ID]); diff != "" {
				return nil, disagreement(diff)
			}
			return nil, nil
		}},
	}
}

// load reads all groups, in the order of recording.
func (r *replay) load(root string) ([]*Case, error) {
	files, err := filepath.Glob(filepath.Join(root, "api", "*.json"))
	if err != nil {
		return nil, err
	}
	r.root = root
	r.pairs, r.all = map[string]*pair{}, nil
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var group []*pair
		if err := json.Unmarshal(text, &group); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, p := range group {
			p.group = strings.TrimSuffix(filepath.Base(file), ".json")
		}
		r.all = append(r.all, group...)
	}
	slices.SortStableFunc(r.all, func(a, b *pair) int { return a.Order - b.Order })
	for _, p := range r.all {
		p.corrected = p.correct(r.all)
	}
	var cases []*Case
	for _, p := range r.all {
		c := &Case{
			Corrected: p.corrected,
			Suite:     "api", Category: p.group, ID: "api/" + p.group + "/" + p.Name, Mode: "pair",
			Input: p.Request.Method + " " + p.Request.Path, Context: value.NewDict(0), Options: value.NewDict(0),
		}
		if r.pairs[c.ID] != nil {
			return nil, fmt.Errorf("two recorded pairs are called %s", c.ID)
		}
		r.pairs[c.ID] = p
		cases = append(cases, c)
	}
	return cases, nil
}

// prepare starts the server and brings to it what the recorded one had.
func (r *replay) prepare(ctx context.Context, _ []*Case) (stop func(), err error) {
	r.world = newWorld(&recordedServer{address: "nowhere.invalid"})
	r.ids, r.apiKeys = map[string]string{}, map[string]string{}
	r.shapes = shapes{}
	for _, p := range r.all {
		r.shapes.learn(p.Response.Body)
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	if err := r.furnish(ctx); err != nil {
		r.stop()
		return nil, errors.Join(errors.New("bring the recorded packs to the server"), err)
	}
	return r.stop, nil
}
