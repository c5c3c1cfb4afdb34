package mistral_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generated is one workflow for both engines.
type generated struct {
	ID       string         `json:"id"`
	Text     string         `json:"text"`
	Workflow string         `json:"workflow"`
	Input    map[string]any `json:"input,omitempty"`
	Params   map[string]any `json:"params,omitempty"`
	Workbook bool           `json:"workbook,omitempty"`
	Actions  []string       `json:"actions,omitempty"`
	Parse    bool           `json:"parse,omitempty"`
}

// generator writes random workflows out of all that the language has and that
// ends by itself. The same seed gives the same workflows.
type generator struct {
	*rand.Rand
	b     strings.Builder
	vars  []string // that exist on every way
	jinja bool
}

func (g *generator) chance(p int) bool { return g.IntN(100) < p }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func generate(seed uint64, id string) generated {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
	c := generated{ID: id, Workflow: id, Actions: []string{"p.a"}, Input: map[string]any{"n": g.IntN(3), "l": []int{1, 2, 3}[:g.IntN(4)]}}
	g.jinja = g.chance(25)
	switch kind := g.IntN(10); {
	case kind == 0:
		g.workbook(&c)
	case kind == 1:
		g.reverse(&c)
	default:
		g.direct(&c)
	}
	c.Text = g.b.String()
	return c
}

// line writes a line; deep is the number of levels.
func (g *generator) line(deep int, format string, args ...any) {
	g.b.WriteString(strings.Repeat("  ", deep))
	fmt.Fprintf(&g.b, format+"\n", args...)
}

func (g *generator) head(c *generated, deep int, kind string) {
	if kind != "" {
		g.line(deep, "type: %s", kind)
	}
	g.line(deep, "input:")
	g.line(deep+1, "- n")
	g.line(deep+1, "- l")
	g.line(deep+1, "- s: text")
	g.vars = []string{"n", "s"}
	if g.chance(60) {
		g.line(deep, "vars:")
		g.line(deep+1, "v: %s", g.value())
		g.line(deep+1, "w: [1, 2]")
		g.vars = append(g.vars, "v", "w")
	}
}

// expr is an expression over what exists.
func (g *generator) expr() string {
	v := pick(g, g.vars...)
	if g.jinja {
		return pick(g, "{{ _."+v+" }}", "{{ _."+v+" }}", "{{ _['"+v+"'] }}", "{{ _.n + 1 }}", "{{ [_.n, _."+v+"] }}", "{{ _.l | length }}")
	}
	return pick(g, "<% $."+v+" %>", "<% $."+v+" %>", "<% $.n + 1 %>", "<% $.l.len() %>", "<% [$.n, $."+v+"] %>",
		"<% $.l.where($ > 1).select($ * 2) %>", "<% dict(a => $."+v+", b => $.n) %>", "<% $.get("+v+") %>", "<% $.l.select($ + 1).sum() %>",
		"<% switch($.n > 1 => high, true => low) %>", "<% str($.n) + '$.x' %>", "<% $.get(nothing, 4) %>")
}

func (g *generator) value() string {
	switch g.IntN(6) {
	case 0:
		return pick(g, "1", "true", "null", "word", "'5'", "[1, two]", "{k: 1}")
	case 1:
		if g.jinja {
			return `"a {{ _.n }} b {{ _.s }}"`
		}
		return `"a <% $.n %> b <% $.s %>"`
	case 2:
		if !g.jinja {
			return `[<% $.n %>, {k: <% $.s %>}]`
		}
	}
	return quoted(g.expr())
}

func quoted(s string) string { return `"` + s + `"` }

// guard is a condition; of the variables some may be published by the task.
func (g *generator) guard(also ...string) string {
	v := "n"
	if len(also) > 0 && g.chance(50) {
		v = pick(g, also...)
	}
	k := g.IntN(3)
	if g.jinja {
		return pick(g, fmt.Sprintf("{{ _.%s == %d }}", v, k), fmt.Sprintf("{{ _.n > %d }}", k), fmt.Sprintf("{{ _.%s != %d }}", v, k))
	}
	return pick(g, fmt.Sprintf("<%% $.%s = %d %%>", v, k), fmt.Sprintf("<%% $.n > %d %%>", k), fmt.Sprintf("<%% $.%s != %d %%>", v, k),
		"<% $.l.any($ > 2) %>", "<% $.l.len() > 0 and $.n < 2 %>", "<% not $.n in [0, 2] %>")
}

// direct writes a workflow whose tasks lead forward only.
func (g *generator) direct(c *generated) {
	g.line(0, "version: '2.0'")
	g.line(0, "%s:", c.Workflow)
	g.head(c, 1, pick(g, "", "direct"))
	n := 2 + g.IntN(5)
	g.tasks(1, n, nil)
}

// tasks writes tasks and output. subs are workflows to call.
func (g *generator) tasks(deep, n int, subs []string) {
	if g.chance(10) {
		g.line(deep, "task-defaults:")
		if g.chance(50) {
			g.line(deep+1, "on-error: [t%d]", n)
		} else {
			g.line(deep+1, "retry: {count: 1, delay: 0}")
		}
	}
	parallel := g.chance(50)
	chain := g.chance(35) // tasks run one after the other, whatever happens
	var body strings.Builder
	outer := g.b
	g.b = body
	g.line(deep, "tasks:")
	inbound := map[int]int{}
	for i := 1; i <= n; i++ {
		last := i == n
		name := fmt.Sprintf("t%d", i)
		g.line(deep+1, "%s:", name)
		if g.chance(15) {
			g.line(deep+2, "description: does something")
		}
		if inbound[i] > 1 && g.chance(80) {
			g.line(deep+2, "join: %s", pick(g, "all", "all", "all", "one", "1"))
		}
		kind := g.action(deep+2, subs)
		published := g.publish(deep+2, name, kind, i)
		if kind != "items" && g.chance(10) {
			g.retry(deep + 2)
		}
		if g.chance(4) {
			g.line(deep+2, "fail-on: %s", quoted(g.guard()))
		}
		if last {
			break
		}
		switch {
		case chain:
			g.line(deep+2, "on-success: t%d", i+1)
			if g.chance(50) {
				g.line(deep+2, "on-error: t%d", i+1)
			}
			inbound[i+1]++
		case g.chance(85):
			g.clause(deep+2, "on-success", i, n, parallel, published, inbound)
		}
		if !chain && g.chance(40) {
			g.clause(deep+2, "on-error", i, n, parallel, nil, inbound)
		}
		if !chain && g.chance(12) {
			g.clause(deep+2, "on-complete", i, n, parallel, nil, inbound)
		}
	}
	text := g.b.String()
	g.b = outer
	if g.chance(75) {
		g.line(deep, "output:")
		g.line(deep+1, "n: %s", pick(g, quoted("<% $.n %>"), quoted("{{ _.n }}")))
		for i := 1; i <= n; i++ {
			if strings.Contains(text, fmt.Sprintf("r%d:", i)) {
				g.line(deep+1, "r%d: <%% $.get(r%d) %%>", i, i)
			}
		}
		if strings.Contains(text, "shared:") {
			g.line(deep+1, "shared: <%% $.get(shared) %%>")
		}
	}
	g.b.WriteString(text)
}

func (g *generator) action(deep int, subs []string) string {
	switch k := g.IntN(20); {
	case k < 2:
		g.line(deep, "action: std.noop")
		return "none"
	case k < 4:
		g.line(deep, "action: std.fail")
		return "none"
	case k < 7:
		g.line(deep, "action: std.echo output=%s", pick(g, quoted(g.expr()), "'text'", "5", "[1, 2]", "true"))
		return "echo"
	case k < 9:
		g.line(deep, "action: std.echo")
		g.line(deep, "input:")
		g.line(deep+1, "output: %s", g.value())
		return "echo"
	case k < 13:
		g.line(deep, "action: p.a")
		g.line(deep, "input:")
		g.line(deep+1, "x: %s", g.value())
		if g.chance(40) {
			g.line(deep+1, "fail: %s", quoted(g.guard()))
		}
		return "action"
	case k < 16:
		g.items(deep)
		return "items"
	case k < 18 && len(subs) > 0:
		g.line(deep, "workflow: %s n=%s l=%s", pick(g, subs...), quoted("<% $.n %>"), quoted("<% $.l %>"))
		return "workflow"
	}
	g.line(deep, "action: p.a x=%s", quoted(g.expr()))
	return "action"
}

func (g *generator) items(deep int) {
	if g.chance(25) {
		g.line(deep, "with-items:")
		g.line(deep+1, "- i in <%% $.l %%>")
		g.line(deep+1, "- k in <%% $.l.select($ * 10) %%>")
		g.line(deep, "action: p.a a=<%% $.i %%> b=<%% $.k %%> c=<%% $.n %%>")
		return
	}
	g.line(deep, "with-items: %s", pick(g, "i in <% $.l %>", "i in [1, 2, 3]", "i in <% $.l.where($ > 1) %>", "i in <% range(4) %>"))
	if g.chance(30) {
		g.line(deep, "concurrency: %d", 1+g.IntN(2))
	}
	g.line(deep, "action: p.a x=<%% $.i %%> y=<%% $.n + $.i %%>")
	if g.chance(30) {
		g.line(deep, "input:")
		g.line(deep+1, "fail: <%% $.i > 2 %%>")
	}
}

// publish writes variables; it returns those that conditions may read.
func (g *generator) publish(deep int, name, kind string, i int) (published []string) {
	if kind == "none" && g.chance(60) || g.chance(25) {
		return nil
	}
	result := "task(" + name + ").result"
	if g.chance(30) {
		result = "task().result"
	}
	var value string
	switch kind {
	case "action":
		value = pick(g, "<% "+result+".result.x %>", "<% "+result+".stdout %>", "{{ task('"+name+"').result.stdout }}", "<% "+result+" %>")
	case "items":
		value = pick(g, "<% "+result+" %>", "<% "+result+".len() %>", "<% "+result+".select($.stdout) %>")
	case "workflow":
		value = pick(g, "<% "+result+".n %>", "<% "+result+".get(r1) %>")
	case "echo":
		value = pick(g, "<% "+result+" %>", "<% ["+result+", $.n] %>", "{{ task('"+name+"').result }}")
	default:
		value = g.expr()
	}
	g.line(deep, "publish:")
	g.line(deep+1, "r%d: %s", i, quoted(value))
	published = append(published, fmt.Sprintf("r%d", i))
	if g.chance(25) {
		g.line(deep+1, "shared: %s", g.value())
	}
	if g.chance(15) {
		g.line(deep+1, "n: %s", pick(g, "0", "2", quoted("<% $.n + 1 %>")))
		published = append(published, "n")
	}
	if g.chance(20) {
		g.line(deep, "publish-on-error:")
		g.line(deep+1, "r%d: %s", i, pick(g, "failed", quoted("<% $.n %>")))
	}
	return published
}

func (g *generator) retry(deep int) {
	switch g.IntN(4) {
	case 0:
		g.line(deep, "retry: count=2 delay=0")
	case 1:
		g.line(deep, "retry: {count: 2, delay: 0, break-on: %s}", quoted(g.guard()))
	case 2:
		g.line(deep, "retry: {count: 1, delay: 0, continue-on: %s}", quoted(g.guard()))
	default:
		g.line(deep, "retry:")
		g.line(deep+1, "count: 1")
		g.line(deep+1, "delay: 0")
	}
}

// clause writes transitions to later tasks.
func (g *generator) clause(deep int, name string, i, n int, parallel bool, published []string, inbound map[int]int) {
	targets := 1
	if parallel && g.chance(50) {
		targets = 2
	}
	var list []string
	seen := map[string]bool{}
	for range targets {
		j := i + 1 + g.IntN(min(3, n-i))
		to := fmt.Sprintf("t%d", j)
		if g.chance(6) {
			to = pick(g, "fail", "succeed", "noop", "noop")
		}
		if seen[to] {
			continue
		}
		seen[to] = true
		if strings.HasPrefix(to, "t") {
			inbound[j]++
		}
		if g.chance(30) {
			to += ": " + quoted(g.guard(published...))
		}
		list = append(list, to)
	}
	switch {
	case len(list) == 1 && !strings.Contains(list[0], ":") && g.chance(30):
		g.line(deep, "%s: %s", name, list[0])
	case g.chance(10):
		g.line(deep, "%s:", name)
		g.line(deep+1, "publish:")
		g.line(deep+2, "branch:")
		g.line(deep+3, "r%d: <%% $.n %%>", i)
		g.line(deep+1, "next:")
		for _, to := range list {
			g.line(deep+2, "- %s", to)
		}
	default:
		g.line(deep, "%s:", name)
		for _, to := range list {
			g.line(deep+1, "- %s", to)
		}
	}
}

// workbook writes a workflow that calls another one, and an ad-hoc action.
func (g *generator) workbook(c *generated) {
	c.Workbook = true
	c.Workflow = c.ID + ".main"
	g.line(0, "version: '2.0'")
	g.line(0, "name: %s", c.ID)
	g.line(0, "actions:")
	g.line(1, "mine:")
	g.line(2, "base: p.a")
	g.line(2, "base-input:")
	g.line(3, "x: %s", pick(g, "<% $.a %>", "<% $.a %> and <% $.b %>", "{k: <% $.a %>}", "fixed"))
	g.line(2, "input:")
	g.line(3, "- a")
	g.line(3, "- b: 1")
	g.line(0, "workflows:")
	g.line(1, "main:")
	g.head(c, 2, "direct")
	g.line(2, "output:")
	g.line(3, "a: <%% $.get(a) %%>")
	g.line(3, "b: <%% $.get(b) %%>")
	g.line(3, "c: <%% $.get(c) %%>")
	g.line(2, "tasks:")
	g.line(3, "first:")
	if g.chance(40) {
		g.line(4, "with-items: i in <%% $.l %%>")
		g.line(4, "workflow: sub n=<%% $.i %%> l=<%% $.l %%>")
		g.line(4, "publish:")
		g.line(5, "a: %s", pick(g, "<% task(first).result.select($.n) %>", "<% task(first).result.len() %>"))
	} else {
		g.line(4, "workflow: sub n=<%% $.n %%> l=<%% $.l %%>")
		g.line(4, "publish:")
		g.line(5, "a: %s", pick(g, "<% task(first).result.n %>", "<% task().result %>"))
	}
	g.line(4, "on-success: second")
	g.line(4, "on-error: [second]")
	g.line(3, "second:")
	g.line(4, "action: mine a=%s", pick(g, "<% $.n %>", "'text'", "5"))
	g.line(4, "publish:")
	g.line(5, "b: <%% task(second).result.result.x %%>")
	g.line(4, "on-success: third")
	g.line(3, "third:")
	g.line(4, "action: std.echo output=<%% task(second).result.stdout %%>")
	g.line(4, "publish:")
	g.line(5, "c: <%% task(third).result %%>")
	g.line(1, "sub:")
	g.line(2, "input: [n, l, {s: text}]")
	g.vars = []string{"n", "s"}
	g.tasks(2, 1+g.IntN(3), nil)
}

// reverse writes a reverse workflow with one last task.
func (g *generator) reverse(c *generated) {
	g.line(0, "version: '2.0'")
	g.line(0, "%s:", c.Workflow)
	g.head(c, 1, "reverse")
	n := 2 + g.IntN(4)
	g.line(1, "output:")
	for i := 1; i <= n; i++ {
		g.line(2, "r%d: <%% $.get(r%d) %%>", i, i)
	}
	g.line(1, "tasks:")
	for i := 1; i <= n; i++ {
		g.line(2, "t%d:", i)
		if g.chance(8) {
			g.line(3, "action: std.fail")
		} else {
			g.line(3, "action: p.a x=%s", quoted(g.expr()))
			g.line(3, "publish:")
			g.line(4, "r%d: <%% task(t%d).result.result.x %%>", i, i)
		}
		if i > 1 {
			var req []string
			for j := 1; j < i; j++ {
				if j == i-1 || g.chance(30) {
					req = append(req, fmt.Sprintf("t%d", j))
				}
			}
			g.line(3, "requires: [%s]", strings.Join(req, ", "))
		}
	}
	c.Params = map[string]any{"task_name": fmt.Sprintf("t%d", n)}
}

// mutate breaks a definition in one place, or leaves it whole.
func mutate(seed uint64, c generated) generated {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 11))}
	c.Parse, c.Input, c.Actions, c.Params = true, nil, nil, nil
	lines := strings.SplitAfter(c.Text, "\n")
	for range 20 {
		i := 2 + g.IntN(max(1, len(lines)-3))
		key, val, ok := strings.Cut(lines[i], ":")
		switch g.IntN(5) {
		case 0:
			lines = append(lines[:i:i], lines[i+1:]...)
		case 1:
			if !ok {
				continue
			}
			lines[i] = key + "x:" + val
		case 2:
			if !ok || strings.TrimSpace(val) == "" {
				continue
			}
			lines[i] = key + ": " + pick(g, "-1", "[]", "{}", "some", "true", "null", "3", "\"<% $.x %>\"", "[a, 5]", "''", "<% 1 + %>") + "\n"
		case 3:
			at := strings.LastIndex(lines[i], "t")
			if at < 0 || at+1 >= len(lines[i]) || lines[i][at+1] < '0' || lines[i][at+1] > '9' {
				continue
			}
			lines[i] = lines[i][:at] + "t99" + lines[i][at+2:]
		default:
			if !ok {
				continue
			}
			indent := key[:len(key)-len(strings.TrimLeft(key, " -"))]
			lines[i] += strings.ReplaceAll(indent, "-", " ") + pick(g, "join: 9", "join: all", "requires: t1", "timeout: soon", "publish: text", "retry: {count: 1}", "with-items: x of y", "on-success: {}",
				"tags: one", "type: other", "workflow: other", "concurrency: many", "pause-before: maybe", "keep-result: 5") + "\n"
		}
		break
	}
	c.Text = strings.Join(lines, "")
	return c
}
