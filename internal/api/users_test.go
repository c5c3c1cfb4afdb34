package api

import (
	"net/http"
	"strings"
	"testing"

	"squall/internal/login"
)

func TestUsers(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.Passwords = []login.Passwords{directory{"zoe": {"hpc"}, "eve": nil}} })
	create := func(body string) answer { return ts.do(t, ts.admin, "POST", "/api/v1/users", body) }
	if a := create(`{"name":"dora","password":"correct horse","description":"on call"}`); a.status != 201 || a.object(t)["source"] != "local" || a.object(t)["password"] != true {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	if a := create(`{"name":"backup","service":true}`); a.status != 201 || a.object(t)["source"] != "service" || a.object(t)["password"] != false {
		t.Fatalf("create a service account: %d %s", a.status, a.body)
	}
	for body, status := range map[string]int{
		`{"name":"dora","password":"correct horse"}`: 409, `{"name":"x","password":"short"}`: 400, `{"name":"x"}`: 400,
		`{"name":"x","password":"correct horse","service":true}`: 400, `{"name":"a:b","service":true}`: 400, `{"password":"correct horse"}`: 400,
		`{"name":"x","service":true,"source":"ldap"}`: 400, `{"name":5,"service":true}`: 400,
	} {
		if a := create(body); a.status != status || strings.Contains(a.body, "correct horse") {
			t.Errorf("create %s: %d %s", body, a.status, a.body)
		}
	}
	enter := func(user, password string) (string, int) {
		a := ts.do(t, "", "POST", "/auth/v1/tokens", "{}", "Authorization", basicAuth(user, password))
		if a.status != 201 {
			return "", a.status
		}
		return a.object(t)["token"].(string), a.status
	}
	token, status := enter("dora", password)
	if status != 201 {
		t.Fatalf("login: %d", status)
	}
	zoe, _ := enter("zoe", "outside")
	if a := ts.do(t, ts.admin, "GET", "/api/v1/users/zoe", ""); a.object(t)["source"] != "ldap" || !strings.Contains(a.body, `"groups":["hpc"]`) {
		t.Errorf("of the directory: %s", a.body)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/users?source=service", ""); a.header.Get("X-Total-Count") != "1" || !strings.Contains(a.body, "backup") {
		t.Errorf("service accounts: %s", a.body)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/users", ""); strings.Contains(a.body, "$2") {
		t.Errorf("a hash is shown: %s", a.body)
	}
	put := func(token, name, body string) answer { return ts.do(t, token, "PUT", "/api/v1/users/"+name, body) }

	// Who is disabled is out at once, by every way.
	key := ts.newAPIKey(t, ts.admin, `{"user":"dora"}`)["key"].(string)
	for _, show := range [][2]string{{"X-Auth-Token", token}, {"St2-Api-Key", key}} {
		if a := ts.do(t, "", "GET", "/v1/user", "", show[0], show[1]); a.status != 200 {
			t.Errorf("%s before: %d", show[0], a.status)
		}
	}
	if a := put(ts.admin, "dora", `{"disabled":true}`); a.status != 200 || a.object(t)["disabled"] != true {
		t.Fatalf("disable: %d %s", a.status, a.body)
	}
	for _, show := range [][2]string{{"X-Auth-Token", token}, {"St2-Api-Key", key}} {
		if a := ts.do(t, "", "GET", "/v1/user", "", show[0], show[1]); a.status != 401 {
			t.Errorf("%s of somebody disabled: %d", show[0], a.status)
		}
	}
	if _, status := enter("dora", password); status != 401 {
		t.Errorf("login of somebody disabled: %d", status)
	}
	put(ts.admin, "zoe", `{"disabled":true}`)
	if _, status := enter("zoe", "outside"); status != 401 {
		t.Errorf("outside login of somebody disabled: %d", status)
	}
	if a := ts.do(t, zoe, "GET", "/v1/user", ""); a.status != 401 {
		t.Errorf("token of somebody disabled: %d", a.status)
	}
	put(ts.admin, "dora", `{"disabled":false,"password":"battery staple","admin":true}`)
	if _, status := enter("dora", password); status != 401 {
		t.Errorf("the old password: %d", status)
	}
	dora, status := enter("dora", "battery staple")
	if status != 201 {
		t.Errorf("the new password: %d", status)
	}
	if a := ts.do(t, dora, "GET", "/api/v1/users", ""); a.status != 200 {
		t.Errorf("as an administrator: %d", a.status)
	}
	if a := put(ts.admin, "backup", `{"password":"correct horse"}`); a.status != 400 {
		t.Errorf("a password for a service account: %d", a.status)
	}
	for _, body := range []string{`{"disabled":true}`, `{"admin":false}`} {
		if a := put(dora, "dora", body); a.status != 400 {
			t.Errorf("own account, %s: %d", body, a.status)
		}
	}
	if a := ts.do(t, dora, "DELETE", "/api/v1/users/dora", ""); a.status != 400 {
		t.Errorf("delete the own account: %d", a.status)
	}

	// Nobody finds what somebody of the same name left behind.
	if a := ts.do(t, ts.admin, "DELETE", "/api/v1/users/dora", ""); a.status != http.StatusNoContent {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	create(`{"name":"dora","password":"another one"}`)
	if a := ts.do(t, "", "GET", "/v1/user", "", "St2-Api-Key", key); a.status != 401 {
		t.Errorf("an API key of somebody who had the name before: %d", a.status)
	}
	if a := ts.do(t, "", "GET", "/v1/user", "", "X-Auth-Token", dora); a.status != 401 {
		t.Errorf("a token of somebody who had the name before: %d", a.status)
	}
	if a := ts.do(t, ts.admin, "DELETE", "/api/v1/users/nobody", ""); a.status != 404 {
		t.Errorf("delete nobody: %d", a.status)
	}
	for _, method := range []string{"GET", "POST"} {
		if a := ts.do(t, ts.user, method, "/api/v1/users", `{"name":"x","service":true}`); a.status != 403 {
			t.Errorf("%s by a user: %d", method, a.status)
		}
	}
}
