package auth

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func rbacFiles(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func readPolicy(t testing.TB, files map[string]string) *Policy {
	t.Helper()
	p, problems := ReadPolicy(rbacFiles(files))
	for _, problem := range problems {
		t.Error(problem)
	}
	return p
}

const operatorRole = `---
name: operator
description: runs core
enabled: true
permission_grants:
  - resource_uid: "pack:core"
    permission_types:
      - action_execute
  - resource_uid: "action:hpc:drain"
    permission_types: [action_view]
  - resource_uid: "key_value_pair:st2kv.system:site.*"
    permission_types: [key_value_pair_set]
  - resource_uid: "pack:site"
    permission_types: [rule_all, pack_view]
  - permission_types: [action_list, execution_list]
`

func TestRights(t *testing.T) {
	t.Parallel()
	p := readPolicy(t, map[string]string{
		"roles/operator.yaml":     operatorRole,
		"roles/off.yaml":          "name: resting\nenabled: false\npermission_grants: [{permission_types: [audit_view]}]\n",
		"assignments/ann.yaml":    "username: ann\nroles: [operator, resting]\n",
		"assignments/eve.yaml":    "username: eve\nenabled: false\nroles: [admin]\n",
		"assignments/olga.yaml":   "username: olga\nroles: [observer]\n",
		"assignments/README.md":   "not read",
		"mappings/wheel.yaml":     "group: cn=wheel,dc=site\nroles:\n  - admin\n",
		"mappings/operators.yml":  "group: ops\ndescription: x\nroles: [operator]\n",
		"elsewhere/ignored.yaml":  "{",
		"assignments/subdir/x.md": "",
	})
	subject := func(user string, admin bool, groups ...string) Subject {
		roles := p.RolesOf(user, admin, groups)
		return Subject{User: user, Admin: admin, Roles: roles, Rights: p.Rights(roles, nil)}
	}
	if got := subject("ann", true, "ops").Roles; !slices.Equal(got, []string{"operator", "resting", "system_admin"}) {
		t.Errorf("roles of ann: %q", got)
	}
	core, drain, noop := []string{"action:core:local", "pack:core"}, []string{"action:hpc:drain", "pack:hpc"}, []string{"action:x:noop", "pack:x"}
	for _, tt := range []struct {
		who  Subject
		p    Permission
		uids []string
		want bool
	}{
		{subject("ann", false), ActionExecute, core, true},
		{subject("ann", false), ActionView, core, true}, // implied
		{subject("ann", false), ExecutionView, core, true},
		{subject("ann", false), ExecutionStop, core, true},
		{subject("ann", false), ExecutionModify, core, true},
		{subject("ann", false), "action_modify", core, false},
		{subject("ann", false), PackView, []string{"pack:core"}, false}, // the pack itself was not granted
		{subject("ann", false), PackView, []string{"pack:site"}, true},
		{subject("ann", false), "rule_modify", []string{"rule:site:r", "pack:site"}, true},
		{subject("ann", false), ActionExecute, drain, false},
		{subject("ann", false), ActionView, drain, true},
		{subject("ann", false), ExecutionView, drain, true},
		{subject("ann", false), ExecutionStop, drain, false},
		{subject("ann", false), ActionExecute, noop, false},
		{subject("ann", false), ActionExecute, []string{"action:corex:local", "pack:corex"}, false},
		{subject("ann", false), "key_value_pair_view", []string{"key_value_pair:st2kv.system:site.x"}, true},
		{subject("ann", false), "key_value_pair_view", []string{"key_value_pair:st2kv.system:sitex"}, false},
		{subject("ann", false), "key_value_pair_delete", []string{"key_value_pair:st2kv.system:site.x"}, false},
		{subject("ann", false), ActionList, nil, true},
		{subject("ann", false), PackList, nil, false},
		{subject("ann", false), AuditView, nil, false}, // its role is disabled
		{subject("ann", false), ShowSecrets, nil, false},
		{subject("eve", false), ActionList, nil, false},
		{subject("bob", false), ActionView, core, false},
		{subject("bob", false, "ops"), ActionExecute, core, true},
		{subject("bob", false, "cn=wheel,dc=site"), ShowSecrets, nil, true},
		{subject("root", true), AuditView, nil, true},
		{subject("root", true), "no_such", core, false},
		{subject("olga", false), ExecutionView, core, true},
		{subject("olga", false), PackList, nil, true},
		{subject("olga", false), ActionExecute, core, false},
		{subject("olga", false), ShowSecrets, nil, false},
		{subject("olga", false), AuditView, nil, false},
		{subject("", true), ActionView, core, false},
	} {
		if got := tt.who.MayOn(tt.p, tt.uids...); got != tt.want {
			t.Errorf("%s %q may %s on %q = %v", tt.who.User, tt.who.Roles, tt.p, tt.uids, got)
		}
		if tt.want && !tt.who.MaySome(tt.p) {
			t.Errorf("%s may %s on %q and nowhere", tt.who.User, tt.p, tt.uids)
		}
	}
	if ann := subject("ann", false); ann.May(ActionExecute) || !ann.MaySome(ActionExecute) || ann.MaySome("pack_install") {
		t.Error("ann's grants on packs were taken for grants everywhere")
	}
	err := subject("ann", false).CheckOn(ActionExecute, noop...)
	if err == nil || err.Error() != `User "ann" doesn't have required permission "action_execute" on resource "action:x:noop"` {
		t.Errorf("CheckOn = %v", err)
	}
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	p := readPolicy(t, nil)
	p.Isolated = true
	for role, want := range map[string]bool{Observer: true, AdminRole: false, SystemAdmin: false, "": true} {
		if got := (Subject{User: "a", Rights: p.Rights([]string{role}, nil)}).Isolated(); got != want {
			t.Errorf("role %q: isolated = %v", role, got)
		}
	}
	if (Subject{User: "a"}).Isolated() {
		t.Error("isolated without roles")
	}
}

func TestPolicyProblems(t *testing.T) {
	t.Parallel()
	_, problems := ReadPolicy(rbacFiles(map[string]string{
		"roles/a.yaml": `name: admin
permission_grants:
  - resource_uid: pack:core
    permission_types:
      - action_exec
      - runner_type_view
  - permission_types: [action_execute]
  - resource_uid: core
    permission_types: [action_execute]
  - action_execute
  - resource_uid: action:core:local
`,
		"roles/b.yaml":       "name: b\nextra: 1\nenabled: 'yes'\n",
		"roles/c.yaml":       "name: b\n",
		"roles/d.yaml":       "name: d\nname: e\n",
		"roles/e.yaml":       "- x\n",
		"roles/f.yaml":       "name: [\n",
		"roles/g.yaml":       "",
		"assignments/a.yaml": "username: 12\nroles: [nope, b]\n",
		"assignments/b.yaml": "group: x\nroles: b\n",
		"mappings/a.yaml":    "roles:\n",
	}))
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	slices.Sort(got)
	want := []string{
		`assignments/a.yaml:1:11: username must be a text: put it in quotes`,
		`assignments/a.yaml:2:9: there is no role "nope"`,
		`assignments/b.yaml:1:1: there is no key "group" here; there are username, description, enabled, roles`,
		`assignments/b.yaml:1:1: username is missing`,
		`assignments/b.yaml:2:8: roles must be a list`,
		`mappings/a.yaml:1:1: group is missing`,
		`mappings/a.yaml:1:1: roles is missing`,
		`roles/a.yaml:10:5: a grant must be a mapping with permission_types`,
		`roles/a.yaml:11:5: permission_types is missing`,
		`roles/a.yaml:1:7: "admin" is a role of the system; give yours another name`,
		`roles/a.yaml:5:9: there is no permission type "action_exec"`,
		`roles/a.yaml:6:9: runner_type_view cannot be granted on a resource of type pack`,
		`roles/a.yaml:7:24: action_execute is about one resource: name it with resource_uid`,
		`roles/a.yaml:8:19: "core" is not the UID of a resource, such as pack:core or action:core:local`,
		`roles/b.yaml:2:1: there is no key "extra" here; there are name, description, enabled, permission_grants`,
		`roles/b.yaml:3:10: enabled must be true or false`,
		`roles/c.yaml:1:7: the role "b" is defined in roles/b.yaml already`,
		`roles/e.yaml:1:1: the file must hold a mapping`,
		`roles/g.yaml: the file must hold a mapping`,
	}
	got = slices.DeleteFunc(got, func(s string) bool { // in the words of the YAML parser
		return strings.HasPrefix(s, "roles/d.yaml:2:1: ") || strings.HasPrefix(s, "roles/f.yaml:2:1: ")
	})
	if diff := cmp.Diff(want, got); diff != "" || len(problems) != len(want)+2 {
		t.Errorf("%d problems (-want +got):\n%s", len(problems), diff)
	}
}

// More grants never take anything away, and nobody gets what no grant holds.
func TestGrantsOnlyAdd(t *testing.T) {
	t.Parallel()
	uids := []string{"pack:core", "action:core:local", "action:core:*", "pack:x", "runner_type:noop"}
	var all []Permission
	for _, types := range PermissionTypes {
		for _, pt := range types {
			all = append(all, pt.Permission)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	grants := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Grant {
		return Grant{ResourceUID: rapid.SampledFrom(uids).Draw(t, "uid"), Permissions: rapid.SliceOfN(rapid.SampledFrom(all), 1, 3).Draw(t, "permissions")}
	}), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := grants.Draw(t, "a"), grants.Draw(t, "b")
		rights := func(g []Grant) Subject {
			p := &Policy{Roles: []Role{{Name: "r", Grants: g}}}
			return Subject{User: "u", Rights: p.Rights([]string{"r"}, nil)}
		}
		few, many := rights(a), rights(slices.Concat(a, b))
		p := rapid.SampledFrom(all).Draw(t, "p")
		target := rapid.SampledFrom(uids).Draw(t, "target")
		if few.MayOn(p, target) && !many.MayOn(p, target) {
			t.Fatalf("%s on %s was lost by more grants", p, target)
		}
		if rights(nil).MaySome(p) {
			t.Fatalf("%s without any grant", p)
		}
		if many.May(p) {
			t.Fatalf("%s everywhere, though every grant names a resource", p)
		}
	})
}

func BenchmarkMayOn(b *testing.B) {
	p := readPolicy(b, map[string]string{"roles/r.yaml": operatorRole})
	s := Subject{User: "ann", Rights: p.Rights([]string{"operator"}, nil)}
	uids := []string{"action:core:local", "pack:core"}
	for b.Loop() {
		if !s.MayOn(ActionExecute, uids...) {
			b.Fatal("refused")
		}
	}
}

func TestGrantsByTag(t *testing.T) {
	t.Parallel()
	p := readPolicy(t, map[string]string{
		"roles/hpc.yaml": "name: hpc\npermission_grants:\n" +
			"  - resource_uid: pack_tag:hpc\n    permission_types: [action_execute, rule_all, execution_view]\n" +
			"  - resource_uid: pack_tag:site-*\n    permission_types: [pack_view]\n",
		"roles/plain.yaml": "name: plain\npermission_grants: [{resource_uid: 'pack:core', permission_types: [pack_view]}]\n",
	})
	if !p.UsesTags() {
		t.Error("the tags are not seen")
	}
	keywords := map[string][]string{"slurm": {"hpc", "batch"}, "mail": {"chat"}, "own": {"site-a"}, "bare": nil, "hpc": {"x"}}
	s := Subject{User: "ann", Rights: p.Rights([]string{"hpc"}, keywords)}
	for _, tt := range []struct {
		p    Permission
		uids []string
		want bool
	}{
		{ActionExecute, []string{"action:slurm:run", "pack:slurm"}, true},
		{ActionView, []string{"action:slurm:run", "pack:slurm"}, true},
		{ExecutionStop, []string{"execution:1", "action:slurm:run", "pack:slurm"}, true},
		{ActionExecute, []string{"action:mail:send", "pack:mail"}, false},
		{ActionExecute, []string{"action:bare:x", "pack:bare"}, false},
		{ActionExecute, []string{"action:hpc:x", "pack:hpc"}, false}, // a name is no tag
		{PackView, []string{"pack:own"}, true},
		{PackView, []string{"pack:slurm"}, false},
		{PackConfig, []string{"pack:own"}, false},
	} {
		if got := s.MayOn(tt.p, tt.uids...); got != tt.want {
			t.Errorf("MayOn(%s, %v) = %v", tt.p, tt.uids, got)
		}
	}
	if (Subject{User: "bob", Rights: p.Rights([]string{"plain"}, keywords)}).MayOn(ActionExecute, "pack:slurm") {
		t.Error("who does not have the role has the right")
	}
	if readPolicy(t, map[string]string{"roles/operator.yaml": operatorRole}).UsesTags() {
		t.Error("tags are seen where there are none")
	}
	_, problems := ReadPolicy(rbacFiles(map[string]string{"roles/a.yaml": "name: a\npermission_grants: [{resource_uid: 'pack_tag:hpc', permission_types: [webhook_send]}]\n"}))
	if len(problems) != 1 || !strings.Contains(problems[0].What, "webhook_send cannot be granted on a resource of type pack_tag") {
		t.Errorf("problems: %v", problems)
	}
}
