package upload_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

func TestWhoMaySend(t *testing.T) {
	h := serve(t, nil)
	upload, read := h.token("anna", tokens.RoleUpload), h.token("anna", tokens.RoleRead)
	admin, revoked := h.token("root", tokens.RoleAdmin), h.token("anna", tokens.RoleUpload)
	_, expired, err := h.tokens.Add(tokens.New{Athlete: "anna", Role: tokens.RoleUpload, Expires: h.clock.time().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	h.secrets = append(h.secrets, expired)
	h.post(uploads, fitBytes(1, 100), bearer(expired)...).want(t, http.StatusCreated)
	h.post(uploads, fitBytes(2, 100), bearer(revoked)...).want(t, http.StatusCreated)
	h.clock.advance(time.Hour)
	list, err := h.tokens.List()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.tokens.Revoke(list[3].ID); err != nil {
		t.Fatal(err)
	}
	kind, form := packed(t, []field{{name: "access_token", value: read}, fileField(fitBytes(7, 100))})

	for i, test := range []struct {
		name   string
		path   string
		head   []string
		status int
		code   string // or the athlete
	}{
		{"missing", uploads, nil, 401, "access_token missing"},
		{"no bearer", uploads, bearer(""), 401, "access_token missing"},
		{"another scheme", uploads, []string{"Authorization", "Token " + upload}, 401, "access_token missing"},
		{"wrong", uploads, bearer("plod_aaaaaaaa_" + strings.Repeat("a", 52)), 401, "access_token invalid"},
		{"no token at all", uploads, bearer(private), 401, "access_token invalid"},
		{"wrong password", uploads, basic("anna", private), 401, "access_token invalid"},
		{"token as the user", uploads, basic(upload, ""), 401, "access_token missing"},
		{"changed", uploads, bearer(upload[:len(upload)-2] + "zz"), 401, "access_token invalid"},
		{"expired", uploads, bearer(expired), 401, "access_token expired"},
		{"revoked", uploads, bearer(revoked), 401, "access_token invalid"},
		{"in the query", uploads + "?api-key=" + upload, nil, 401, "access_token missing"},
		{"in the query of others", "/api/v1/activities/create/upload?api-key=" + upload + "&access_token=" + upload, nil, 401, "access_token missing"},
		{"may only read", uploads, bearer(read), 403, "access_token forbidden"},
		{"may only read, in a form", uploads, []string{"Content-Type", kind}, 403, "access_token forbidden"},
		{"for another", uploads + "?athlete=bert", bearer(upload), 403, "athlete forbidden"},
		{"for another by path", "/api/v1/athlete/bert/activities", bearer(upload), 403, "athlete forbidden"},
		{"for nobody", uploads + "?athlete=.%2f", bearer(upload), 400, "athlete invalid"},
		{"own", uploads + "?athlete=anna", bearer(upload), 201, "anna"},
		{"lower case", uploads, []string{"authorization", "bearer " + upload}, 201, "anna"},
		{"admin", uploads, bearer(admin), 201, "root"},
		{"admin for another", uploads + "?athlete=bert", bearer(admin), 201, "bert"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := fitBytes(uint32(100+i), 100)
			if len(test.head) > 1 && test.head[1] == kind {
				data = form
			}
			a := h.post(test.path, data, test.head...)
			if test.status == http.StatusCreated {
				if u := a.want(t, test.status).upload(t); u.Athlete != test.code || u.ID != numberOf(schema.AthleteID(test.code), data) {
					t.Errorf("upload %+v, want one of %s", u, test.code)
				}
				return
			}
			a.wantFault(t, test.status, test.code)
			if test.status == http.StatusUnauthorized && len(a.header.Values("WWW-Authenticate")) != 2 {
				t.Errorf("a 401 asks for %q", a.header.Values("WWW-Authenticate"))
			}
			if h.stored(schema.ExportIDOf(data)) != nil {
				t.Error("it is stored")
			}
		})
	}
	if n := h.queue(); n != 6 {
		t.Errorf("%d jobs wait, want 6", n)
	}
}

func TestUploadsOfOthersAreNotThere(t *testing.T) {
	h := serve(t, nil)
	anna, bert := bearer(h.token("anna", tokens.RoleUpload)), bearer(h.token("bert", tokens.RoleUpload))
	reader, admin := bearer(h.token("anna", tokens.RoleRead)), bearer(h.token("root", tokens.RoleAdmin))
	path := h.post(uploads, fitBytes(1, 100), anna...).want(t, http.StatusCreated).header.Get("Location")
	h.get(path, anna...).want(t, http.StatusOK)
	h.get(path, reader...).want(t, http.StatusOK)
	h.get(path, admin...).want(t, http.StatusOK)
	theirs := h.get(path, bert...).wantFault(t, http.StatusNotFound, "id not found")
	none := h.get(uploads+"/1", bert...).wantFault(t, http.StatusNotFound, "id not found")
	if theirs.body != none.body {
		t.Errorf("another's upload is told apart from none: %s, %s", theirs.body, none.body)
	}
	h.get(path).wantFault(t, http.StatusUnauthorized, "access_token missing")
	for _, id := range []string{"-1", "x", "99999999999999999999", "%2e%2e"} {
		h.get(uploads+"/"+id, anna...).wantFault(t, http.StatusNotFound, "id not found")
	}
	// The same bytes are another upload of another athlete.
	again := h.post(uploads, fitBytes(1, 100), bert...).want(t, http.StatusCreated)
	if again.header.Get("Location") == path || h.queue() != 2 {
		t.Errorf("bert's upload is %s, anna's %s; %d jobs", again.header.Get("Location"), path, h.queue())
	}
}

// TestWithoutTokensOnlyThisMachineIsServed: neither names made to point here
// nor what a proxy passes on.
func TestWithoutTokensOnlyThisMachineIsServed(t *testing.T) {
	h := serve(t, nil)
	for _, test := range []struct {
		name   string
		head   []string
		served bool
	}{
		{"address", nil, true},
		{"localhost", []string{"Host", "localhost:8080"}, true},
		{"LOCALHOST", []string{"Host", "LocalHost"}, true},
		{"another loopback", []string{"Host", "127.8.9.1:80"}, true},
		{"IPv6", []string{"Host", "[::1]:8080"}, true},
		{"rebound name", []string{"Host", "evil.example:8080"}, false},
		{"name that begins well", []string{"Host", "localhost.evil.example"}, false},
		{"name that begins like an address", []string{"Host", "127.0.0.1.evil.example"}, false},
		{"address of the network", []string{"Host", "192.168.0.7"}, false},
		{"any address", []string{"Host", "0.0.0.0"}, false},
		{"through a proxy", []string{"X-Forwarded-For", "127.0.0.1"}, false},
		{"through a newer proxy", []string{"Forwarded", "for=127.0.0.1"}, false},
		{"through nginx", []string{"X-Real-IP", "127.0.0.1"}, false},
		{"through one that hides its client", []string{"Via", "1.1 proxy"}, false},
		{"through one that says how it was asked", []string{"X-Forwarded-Proto", "https"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			kind, form := packed(t, []field{fileField(fitBytes(1, 100))})
			a := h.post(uploads, fitBytes(1, 100), test.head...)
			b := h.post(uploads, form, append(test.head, "Content-Type", kind)...)
			c := h.get(uploads+"/1", test.head...)
			if !test.served {
				for _, a := range []answer{a, b, c} {
					a.wantFault(t, http.StatusUnauthorized, "access_token missing")
				}
				return
			}
			if u := a.want(t, http.StatusCreated).upload(t); u.Athlete != "me" || b.want(t, http.StatusCreated).body != a.body {
				t.Errorf("upload %+v, form %s", u, b.body)
			}
			c.want(t, http.StatusNotFound)
		})
	}
	// A request from elsewhere that says it is for this machine.
	r := h.request(http.MethodPost, uploads, bytes.NewReader(fitBytes(1, 100)), "Host", "localhost")
	r.RemoteAddr = "192.168.0.9:5000"
	w := record(h, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("from elsewhere: %d %s", w.Code, w.Body)
	}
	// A token that is wrong is wrong here too, and the first one ends it.
	h.post(uploads, fitBytes(1, 100), bearer("nonsense")...).wantFault(t, http.StatusUnauthorized, "access_token invalid")
	h.token("anna", tokens.RoleUpload)
	h.post(uploads, fitBytes(1, 100)).wantFault(t, http.StatusUnauthorized, "access_token missing")
}

// TestTrustedProxyIsNotThisMachine, whatever it leaves out.
func TestTrustedProxyIsNotThisMachine(t *testing.T) {
	h := serve(t, func(h *house) { h.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	h.post(uploads, fitBytes(1, 100)).wantFault(t, http.StatusUnauthorized, "access_token missing")
	if h.gate.MayLook(fromLoopback()) {
		t.Error("it may look without a token")
	}
	h.post(uploads, fitBytes(1, 100), bearer(h.token("anna", tokens.RoleUpload))...).want(t, http.StatusCreated)
	open := serve(t, nil)
	if !open.gate.MayLook(fromLoopback()) {
		t.Error("this machine may not look")
	}
}

func fromLoopback() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8020/metrics", http.NoBody)
	r.RemoteAddr = "127.0.0.1:5000"
	return r
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	h := serve(t, nil)
	for _, test := range []struct {
		name   string
		head   []string
		served bool
	}{
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"another name of the site", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"older browser", []string{"Origin", "https://evil.example"}, false},
		{"no origin", []string{"Origin", "null"}, false},
		{"own page", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"typed in", []string{"Sec-Fetch-Site", "none"}, true},
		{"own page in an older browser", []string{"Origin", h.server.URL}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{uploads, "/api/v1/athlete/0/activities", "/api/v1/import/generic", "/api/v1/activities/create/upload"} {
				a := h.post(path, fitBytes(1, 100), append(test.head, "Content-Type", "text/plain")...)
				if test.served {
					a.want(t, http.StatusCreated)
				} else {
					a.wantFault(t, http.StatusForbidden, "origin forbidden")
				}
			}
			if !test.served {
				h.post("/api/v1/token", []byte("password=x"), append(test.head, "Content-Type", "application/x-www-form-urlencoded")...).
					wantFault(t, http.StatusForbidden, "origin forbidden")
			}
		})
	}
	if n := h.queue(); n != 1 {
		t.Errorf("%d jobs wait, want 1", n)
	}
	if n := h.metric("plodwatch_gate_requests_total", "cross_site", "403"); n != 20 {
		t.Errorf("%v refusals counted, want 20", n)
	}
}

// TestEveryRequestIsLoggedWithoutItsSecrets: the log names the route, and who
// asks only by address. That no log holds a secret is checked in every house.
func TestEveryRequestIsLoggedWithoutItsSecrets(t *testing.T) {
	h := serve(t, func(h *house) { h.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	token := h.token("anna", tokens.RoleUpload)
	query := "?filename=" + private + ".gpx&external_id=" + private + "&api-key=" + token
	h.post(uploads+query, gpxText(5), bearer(token)...).want(t, http.StatusCreated)
	h.post("/api/v1/import/fitotrack"+query, gpxText(6)).want(t, http.StatusCreated)
	h.post("/api/v1/import/"+private+query, gpxText(6)).want(t, http.StatusNotFound)
	h.post("/api/"+private+query, gpxText(6)).want(t, http.StatusNotFound)
	h.get(uploads+"/"+private+query, bearer(token)...).want(t, http.StatusNotFound)
	h.send([]field{{name: "access_token", value: token}, {name: "name", value: private}, fileField(gpxText(7))}).want(t, http.StatusCreated)
	h.send([]field{{name: "access_token", value: private}, fileField(gpxText(7))}).want(t, http.StatusUnauthorized)
	h.post("/api/v1/token", []byte("username="+private+"&password="+private), "Content-Type", "application/x-www-form-urlencoded").
		want(t, http.StatusUnauthorized)
	h.post(uploads+"?athlete="+private+".", gpxText(8), bearer(token)...).want(t, http.StatusBadRequest)
	h.post(uploads, gpxText(9), append(bearer(token), "X-Forwarded-For", "203.0.113.7, 198.51.100.9")...).want(t, http.StatusCreated)
	waitFor(t, "ten lines of requests", func() bool { return strings.Count(h.log.String(), `"msg":"request"`) == 10 })
	log := h.log.String()
	for _, want := range []string{
		`"route":"strava_upload","method":"POST","status":201`, `"route":"import","method":"POST","status":201`,
		`"route":"strava_status","method":"GET","status":404`, `"route":"unknown","method":"POST","status":404`,
		`"client":"127.0.0.1"`, `"client":"198.51.100.9"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no line of the log has %s", want)
		}
	}
	if n := h.metric("plodwatch_gate_requests_total", "strava_upload", "201"); n != 3 {
		t.Errorf("%v uploads counted, want 3", n)
	}
	want := len(gpxText(5)) + len(gpxText(6)) + len(gpxText(7)) + len(gpxText(9))
	if n := h.metric("plodwatch_gate_taken_bytes_total"); n != float64(want) {
		t.Errorf("%v bytes counted, want %d", n, want)
	}
	if n := h.metric("plodwatch_gate_requests_under_way"); n != 0 {
		t.Errorf("%v requests under way", n)
	}
}
