package api

import (
	"net/http/httptest"
	"testing"

	"squall/internal/auth"
)

// BenchmarkAPIKeyCheck is BenchmarkTokenCheck for API keys.
func BenchmarkAPIKeyCheck(b *testing.B) {
	ts := newTestServer(b)
	r := &request{Request: httptest.NewRequest("GET", "/v1/user", nil)}
	r.Header.Set("St2-Api-Key", ts.newAPIKey(b, ts.user, `{}`)["key"].(string))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ts.authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckWithoutCache is what the first request of a token or key costs:
// it is looked up, with its user and their roles.
func BenchmarkCheckWithoutCache(b *testing.B) {
	files := map[string]string{"roles/core.yaml": coreRole, "assignments/ann.yaml": "username: ann\nroles: [core_user]\n"}
	ts := newTestServer(b, withPolicy(b, false, files))
	r := &request{Request: httptest.NewRequest("GET", "/v1/user", nil)}
	for name, secret := range map[string][2]string{
		"token":   {"X-Auth-Token", ts.user},
		"api_key": {"St2-Api-Key", ts.newAPIKey(b, ts.admin, `{"user":"ann"}`)["key"].(string)},
	} {
		b.Run(name, func(b *testing.B) {
			r.Header = map[string][]string{secret[0]: {secret[1]}}
			b.ReportAllocs()
			for b.Loop() {
				who, err := ts.authenticate(r)
				if err != nil {
					b.Fatal(err)
				}
				ts.tokens.drop(who.digest)
			}
		})
	}
}

// BenchmarkPermit is the check of a permission on a named action, by role.
func BenchmarkPermit(b *testing.B) {
	files := map[string]string{"roles/core.yaml": coreRole, "assignments/ann.yaml": "username: ann\nroles: [core_user]\n"}
	ts := newTestServer(b, withPolicy(b, false, files))
	who := ts.withRoles(b.Context(), nil, auth.Subject{User: "ann"}) // a policy without tags reads nothing
	b.ReportAllocs()
	for b.Loop() {
		if err := who.CheckOn(auth.ActionExecute, "action:core:noop", "pack:core"); err != nil {
			b.Fatal(err)
		}
	}
}
