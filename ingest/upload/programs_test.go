package upload_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// TestEveryProgramHasTheSameUpload sends the same bytes in the shapes of all
// programs: there is one job, and all are told the same number.
func TestEveryProgramHasTheSameUpload(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	data := gpxText(40)
	id := strconv.FormatInt(numberOf("anna", data), 10)
	kind, strava := packed(t, []field{{name: "data_type", value: "gpx"}, {name: "file", value: string(data), file: private + ".gpx"}})
	kind2, runnerup := packed(t, []field{{name: "file", value: string(data), file: private + ".gpx", kind: "application/gpx+xml"}})
	for _, test := range []struct {
		name, path string
		body       []byte
		head       []string
	}{
		{"strava", uploads, strava, append(bearer(token), "Content-Type", kind)},
		{"intervals.icu script", "/api/v1/athlete/0/activities?name=" + private, runnerup, append(basic("API_KEY", token), "Content-Type", kind2)},
		{"intervals.icu script by curl", "/api/v1/athlete/i0/activities", data, basic("API_KEY", token)},
		{"intervals.icu athlete", "/api/v1/athlete/anna/activities", runnerup, append(bearer(token), "Content-Type", kind2)},
		{"runnerup", "/api/v1/activities/create/upload", runnerup, append(bearer(token), "Content-Type", kind2, "X-Client-Type", "mobile")},
		{"fitotrack", "/api/v1/import/fitotrack?api-key=" + token, data, []string{"Content-Type", "application/gpx+xml"}},
		{"generic", "/api/v1/import/generic?api-key=" + token, strava, []string{"Content-Type", kind}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := h.post(test.path, test.body, test.head...).want(t, http.StatusCreated)
			if got := a.header.Get("Plodwatch-Upload-Id"); got != id || !strings.Contains(a.body, id) {
				t.Errorf("upload %s, answer %s, want %s", got, a.body, id)
			}
			if a.header.Get("Location") != uploads+"/"+id {
				t.Errorf("location %s", a.header.Get("Location"))
			}
		})
	}
	if n := h.queue(); n != 1 {
		t.Errorf("%d jobs wait, want 1", n)
	}
	if !bytes.Equal(h.stored(schema.ExportIDOf(data)), data) {
		t.Error("what is stored is not what was sent")
	}
}

func TestIntervalsAnswer(t *testing.T) {
	h := serve(t, nil)
	data := fitBytes(1, 900)
	id := strconv.FormatInt(numberOf("anna", data), 10)
	a := h.post("/api/v1/athlete/0/activities", data, basic("API_KEY", h.token("anna", tokens.RoleUpload))...).want(t, http.StatusCreated)
	want := `{"icu_athlete_id":"anna","id":"` + id + `","activities":[{"icu_athlete_id":"anna","id":"` + id + `"}]}` + "\n"
	if a.body != want {
		t.Errorf("answer\n%swant\n%s", a.body, want)
	}
}

// TestRunnerUpSignsInAndUploads as to Endurain: a form for a token, then a
// file. Newer apps send the same to /auth/login.
func TestRunnerUpSignsInAndUploads(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	mobile := []string{"X-Client-Type", "mobile"}
	form := url.Values{"grant_type": {"password"}, "username": {private}, "password": {token}}.Encode()
	object, err := json.Marshal(map[string]string{"username": private, "password": token})
	if err != nil {
		t.Fatal(err)
	}
	multi, parts := packed(t, []field{{name: "username", value: private}, {name: "password", value: token}})
	for i, login := range []struct {
		path, kind string
		body       []byte
	}{
		{"/api/v1/token", "application/x-www-form-urlencoded", []byte(form)},
		{"/api/v1/auth/login", "application/x-www-form-urlencoded", []byte(form)},
		{"/api/v1/auth/login", "application/json", object},
		{"/api/v1/auth/login", multi, parts},
	} {
		a := h.post(login.path, login.body, append(mobile, "Content-Type", login.kind)...).want(t, http.StatusOK)
		var in struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			ExpiresIn   int64  `json:"expires_in"`
		}
		if err := json.Unmarshal([]byte(a.body), &in); err != nil || in.AccessToken != token || in.TokenType != "bearer" || in.ExpiresIn != 365*24*3600 {
			t.Fatalf("signed in with %+v, %v", in, err)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Error("a token may be cached")
		}
		data := gpxText(10 + i)
		kind, body := packed(t, []field{{name: "file", value: string(data), file: "RunnerUp_" + private + ".gpx", kind: "application/gpx+xml"}})
		up := h.post("/api/v1/activities/create/upload", body, append(append(mobile, bearer(in.AccessToken)...), "Content-Type", kind)...).
			want(t, http.StatusCreated)
		var list []uploadAnswer
		if err := json.Unmarshal([]byte(up.body), &list); err != nil || len(list) != 1 || list[0].ID != numberOf("anna", data) {
			t.Errorf("answer %s", up.body)
		}
	}
}

func TestSignInNeedsAToken(t *testing.T) {
	h := serve(t, nil)
	_, soon, err := h.tokens.Add(tokens.New{Athlete: "anna", Role: tokens.RoleUpload, Expires: h.clock.time().Add(90 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	h.secrets = append(h.secrets, soon)
	const form = "application/x-www-form-urlencoded"
	login := func(kind, body string) answer {
		return h.post("/api/v1/auth/login", []byte(body), "Content-Type", kind)
	}
	if a := login(form, "grant_type=password&username=x&password="+soon).want(t, http.StatusOK); !strings.Contains(a.body, `"expires_in":90}`) {
		t.Errorf("answer %s, want 90 s", a.body)
	}
	h.clock.advance(2 * time.Minute)
	login(form, "grant_type=password&username=x&password="+soon).wantFault(t, http.StatusUnauthorized, "access_token expired")
	login(form, "password="+private).wantFault(t, http.StatusUnauthorized, "access_token invalid")
	login(form, "").wantFault(t, http.StatusUnauthorized, "access_token invalid")
	login("application/json", `{"password":""}`).wantFault(t, http.StatusUnauthorized, "access_token invalid")
	login("application/json", `[`).wantFault(t, http.StatusBadRequest, "password invalid")
	login(form, "password=%zz").wantFault(t, http.StatusBadRequest, "password invalid")
	login(form, "password="+strings.Repeat("x", 5000)).wantFault(t, http.StatusBadRequest, "password invalid")
	login("multipart/form-data; boundary=b", "--b").wantFault(t, http.StatusBadRequest, "password invalid")
}

// TestFitoTrackSendsItsKeyInTheAddress: the body is the file, and there are no
// headers of ours.
func TestFitoTrackSendsItsKeyInTheAddress(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	data := gpxText(12)
	a := h.post("/api/v1/import/fitotrack?api-key="+token, data, "Content-Type", "application/gpx+xml").want(t, http.StatusCreated)
	if u := a.upload(t); u.ID != numberOf("anna", data) {
		t.Errorf("upload %+v", u)
	}
	h.post("/api/v1/import/fitotrack?api-key=plod_wrong", data).wantFault(t, http.StatusUnauthorized, "access_token invalid")
	h.post("/api/v1/import/fitotrack?api-key=", data).wantFault(t, http.StatusUnauthorized, "access_token missing")
	h.post("/api/v1/import/fitotrack", data).wantFault(t, http.StatusUnauthorized, "access_token missing")
	h.post("/api/v1/import/fitotrack", data, bearer(token)...).want(t, http.StatusCreated)
	h.post("/api/v1/import/other?api-key="+token, data).wantFault(t, http.StatusNotFound, "program not found")
}

// TestAddressesWithASlashTooMany: people end a server's address with one, and
// clients follow no redirect of a POST.
func TestAddressesWithASlashTooMany(t *testing.T) {
	h := serve(t, nil)
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	head := bearer(h.token("anna", tokens.RoleUpload))
	for _, path := range []string{
		"//api/v3/uploads", "/api/v3/uploads/", "///api//v1/activities/create/upload", "//api/v1/athlete/0/activities",
	} {
		a := h.post(path, fitBytes(1, 100), head...).want(t, http.StatusCreated)
		status := "/" + a.header.Get("Location") + "/"
		if u := h.get(status, head...).want(t, http.StatusOK).upload(t); u.Athlete != "anna" {
			t.Errorf("%s: %+v", status, u)
		}
	}
	h.get("/api/", head...).wantFault(t, http.StatusNotFound, "path not found")
}
