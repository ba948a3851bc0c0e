package web_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/analyze/web"
	"plodwatch/schema"
)

// doors are what the daemon puts behind the page; here they write down what
// reaches them. SQL goes to the engine.
type doors struct {
	database string
	uploaded []string // athlete/name=content
	refuse   *web.Refused
	set      []schema.Settings
	tokens   []web.Token
	dead     []web.DeadLetter
	did      []string
}

func (d *doors) Guard(next http.Handler) http.Handler { return next }

func (d *doors) Take(_ context.Context, _ web.Visitor, athlete schema.AthleteID, name string, body io.Reader) (web.Taken, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return web.Taken{}, err
	}
	if d.refuse != nil {
		return web.Taken{}, d.refuse
	}
	d.uploaded = append(d.uploaded, string(athlete)+"/"+name+"="+string(data))
	return web.Taken{Export: schema.ExportIDOf(data), Duplicate: string(data) == "old"}, nil
}

func (d *doors) MaxBytes() int64 { return 256 << 20 }

func (d *doors) NameOf(schema.AthleteID, schema.ExportID) string { return "" }

func (d *doors) List() ([]web.Token, error) { return d.tokens, nil }

func (d *doors) Add(n web.NewToken) (web.Token, string, error) {
	t := web.Token{NewToken: n, ID: "newtoken", Created: time.Unix(0, 0)}
	d.tokens = append(d.tokens, t)
	return t, "plod_newtoken_secret", nil
}

func (d *doors) Revoke(id string) error {
	d.did = append(d.did, "revoke "+id)
	return nil
}

func (d *doors) SetSettings(_ context.Context, s schema.Settings) (int, error) {
	d.set = append(d.set, s)
	return 3, nil
}

func (d *doors) Query(ctx context.Context, w io.Writer, sql, format string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/?database="+d.database+"&default_format="+format, strings.NewReader(sql))
	if err != nil {
		return err
	}
	answer := httptest.NewRecorder()
	defer func() { _ = recover() }() // an answer that breaks off
	engine.ReadOnlyHandler(nil).ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		return &web.Refused{Words: answer.Body.String()}
	}
	_, err = io.Copy(w, answer.Body)
	return err
}

// aside are the dead letters of doors, whose method List is that of tokens.
type aside struct{ *doors }

func (a aside) List(context.Context) ([]web.DeadLetter, error) { return a.dead, nil }

func (a aside) Retry(context.Context, []uint64) (int, error) {
	a.did = append(a.did, "retry")
	return 0, nil
}

func (a aside) Drop(_ context.Context, ids []uint64) (int, error) {
	a.did = append(a.did, "drop")
	return len(ids) - 1, nil
}

// withDoors serves the page with everything behind it.
func withDoors(t *testing.T, access web.Access) (*site, *doors, *store.Store) {
	t.Helper()
	st := newStore(t)
	d := &doors{database: st.Database()}
	s := serve(t, st, access, func(_ *web.Config, deps *web.Deps) {
		deps.Uploads, deps.DeadLetters, deps.Settings, deps.Tokens, deps.Queries = d, aside{d}, d, d, d
	})
	return s, d, st
}

func owner() *guests {
	g := newGuests()
	g.owner = true
	return g
}

// files is a form with files.
func (s *site) files(t *testing.T, path, accept string, nameAndContent ...string) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i < len(nameAndContent); i += 2 {
		part, err := form.CreateFormFile("file", nameAndContent[i])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, nameAndContent[i+1])
	}
	_ = form.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, &b)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Accept", accept)
	return s.do(t, r)
}

// TestOnlyWhoMayChanges: what changes something, or shows all athletes, is not
// there for who only looks, nor for another athlete.
func TestOnlyWhoMayChanges(t *testing.T) {
	s, d, _ := withDoors(t, newGuests())
	d.dead = []web.DeadLetter{{ID: 7, Kind: "export", Athlete: "anna", What: "a file", Reason: "it failed"}}
	d.tokens = []web.Token{{ID: "sesame", NewToken: web.NewToken{Athlete: "bert", Role: "read"}}}
	as := func(secret string, r *http.Request) *http.Request {
		r.Header.Set("Authorization", "Bearer "+secret)
		return r
	}
	posts := []string{"/a/anna/imports", "/a/anna/imports/set-aside", "/a/anna/athlete", "/a/anna/athlete/tokens", "/a/anna/athlete/tokens/sesame/revoke"}
	for _, path := range posts {
		form := url.Values{"max_hr": {"190"}, "role": {"admin"}, "do": {"drop"}, "id": {"7"}}
		if got := s.do(t, as("anna-reads", s.request(t, http.MethodPost, path, form))); got.status != http.StatusNotFound {
			t.Errorf("a reader posts to %s: %d", path, got.status)
		}
	}
	if len(d.uploaded)+len(d.set)+len(d.did) != 0 || len(d.tokens) != 1 {
		t.Errorf("a reader changed something: %+v", d)
	}
	for _, path := range []string{"/a/anna/imports", "/a/anna/athlete"} {
		got := s.do(t, as("anna-reads", s.request(t, http.MethodGet, path, nil)))
		if got.status != http.StatusOK || strings.Contains(got.body, "it failed") || strings.Contains(got.body, "sesame") {
			t.Errorf("a reader sees on %s: %d", path, got.status)
		}
		got = s.do(t, as("admin", s.request(t, http.MethodGet, path, nil)))
		if got.status != http.StatusOK || strings.Contains(got.body, "it failed") == strings.Contains(got.body, "sesame") {
			t.Errorf("an admin does not see on %s: %d", path, got.status)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		got := s.do(t, as("anna-reads", s.request(t, method, "/a/anna/query", url.Values{"sql": {"SELECT 'leaked'"}})))
		if got.status != http.StatusForbidden || !strings.Contains(got.body, "admin token") || strings.Contains(got.body, "leaked") {
			t.Errorf("a reader asks SQL by %s: %d", method, got.status)
		}
	}
}

// TestFilesOfAForm: each file fares on its own, and its name is text.
func TestFilesOfAForm(t *testing.T) {
	s, d, _ := withDoors(t, owner())
	got := s.files(t, "/a/anna/imports", "text/html", `x/<img src=x onerror=alert(1)>.fit`, "one", "two.gpx", "old")
	if got.status != http.StatusOK || strings.Contains(got.body, "<img") || !strings.Contains(got.body, "&lt;img src=x onerror=alert(1)&gt;.fit") {
		t.Errorf("%d: a name is not text\n%s", got.status, got.body)
	}
	if !strings.Contains(got.body, "taken before") {
		t.Error("a file that was taken before is not said to be")
	}
	if want := []string{"anna/<img src=x onerror=alert(1)>.fit=one", "anna/two.gpx=old"}; !reflect.DeepEqual(d.uploaded, want) {
		t.Errorf("taken %q", d.uploaded)
	}
	for _, c := range []web.Refused{
		{Status: 413, Words: "larger than the limit"},
		{Status: 429, Words: "too many", RetryAfter: 2 * time.Second},
		{Status: 503, Words: "takes nothing now", RetryAfter: time.Second},
		{Status: 507, Words: "the disk is full", RetryAfter: 9 * time.Second},
	} {
		d.refuse = &c
		for _, accept := range []string{"text/html", "application/json"} {
			got := s.files(t, "/a/anna/imports", accept, "run.fit", "data")
			if got.status != c.Status || !strings.Contains(got.body, c.Words) {
				t.Errorf("%d as %s: %d %.200s", c.Status, accept, got.status, got.body)
			}
		}
	}
	if got := s.files(t, "/a/anna/imports", "text/html"); got.status != http.StatusBadRequest {
		t.Errorf("no file: %d", got.status)
	}
}

var formValue = regexp.MustCompile(`name="([a-z0-9_]+)"(?: type="date")? value="([^"]*)"`)

// TestSettingsComeThroughTheForm: what is stored is what was typed, the form of
// what is stored says the same again, and what makes no sense is named.
func TestSettingsComeThroughTheForm(t *testing.T) {
	s, d, st := withDoors(t, owner())
	form := url.Values{
		"from": {"2024-05-01"}, "max_hr": {"187,5"}, "rest_hr": {"47"}, "lthr": {"168"}, "vt1": {"140"}, "vt2": {"165"},
		"threshold_pace": {"4:07.5"}, "zone_model": {"custom"}, "zone_bounds": {"110, 130.5 150"}, "birth_year": {"1980"},
		"sex": {"female"}, "time_zone": {"Europe/Oslo"},
	}
	want := schema.Settings{
		Athlete: "anna", ValidFrom: schema.DayOf(time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), 0), HRMax: 187.5, HRRest: 47,
		LTHR: 168, VT1: 140, VT2: 165, ThresholdPace: 247.5, ZoneModel: schema.ZoneCustom, CustomBounds: []float64{110, 130.5, 150},
		BirthYear: 1980, Sex: schema.SexFemale, TimeZone: "Europe/Oslo",
	}
	if got := s.get(t, "/a/anna/athlete/what-if?"+form.Encode()); got.status != http.StatusOK || !strings.Contains(got.body, "Nothing has been stored") {
		t.Fatalf("what if: %d\n%s", got.status, got.body)
	}
	if len(d.set) != 0 {
		t.Fatal("the what-if stored something")
	}
	got := s.do(t, s.request(t, http.MethodPost, "/a/anna/athlete", form))
	if got.status != http.StatusSeeOther || len(d.set) != 1 || !reflect.DeepEqual(d.set[0], want) {
		t.Fatalf("%d: stored %+v", got.status, d.set)
	}
	if err := st.WriteSettings(t.Context(), analyze.Dated{Settings: want, Version: 1}); err != nil {
		t.Fatal(err)
	}
	page := s.get(t, "/a/anna/athlete?edit=2024-05-01")
	again := url.Values{"zone_model": {"custom"}, "sex": {"female"}}
	for _, m := range formValue.FindAllStringSubmatch(page.body, -1) {
		again.Set(m[1], html.UnescapeString(m[2]))
	}
	s.do(t, s.request(t, http.MethodPost, "/a/anna/athlete", again))
	if len(d.set) != 2 || !reflect.DeepEqual(d.set[1], want) {
		t.Errorf("the form of what is stored stores %+v", d.set[1:])
	}
	bad := url.Values{"max_hr": {"900"}, "vt1": {"140"}, "threshold_pace": {"fast"}, "time_zone": {"Nowhere/Land"}, "birth_year": {"1"}}
	for _, r := range []*http.Request{
		s.request(t, http.MethodGet, "/a/anna/athlete/what-if?"+bad.Encode(), nil), s.request(t, http.MethodPost, "/a/anna/athlete", bad),
	} {
		got := s.do(t, r)
		if got.status != http.StatusBadRequest {
			t.Errorf("nonsense: %d", got.status)
		}
		for _, word := range []string{"max HR 900", "VT1 and VT2", "threshold pace &#34;fast&#34;", "Nowhere/Land", "birth year 1"} {
			if !strings.Contains(got.body, word) {
				t.Errorf("nonsense is not named: %s", word)
			}
		}
	}
	if len(d.set) != 2 {
		t.Error("nonsense was stored")
	}
}

// TestASecretIsShownOnce: in the answer to the form, and on no page after it.
func TestASecretIsShownOnce(t *testing.T) {
	s, d, _ := withDoors(t, owner())
	form := url.Values{"role": {"read"}, "days": {"30"}, "note": {"<b>phone</b>"}}
	got := s.do(t, s.request(t, http.MethodPost, "/a/anna/athlete/tokens", form))
	if got.status != http.StatusOK || strings.Count(got.body, "plod_newtoken_secret") != 1 || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("made: %d", got.status)
	}
	page := s.get(t, "/a/anna/athlete")
	if strings.Contains(page.body, "secret") && strings.Contains(page.body, "plod_newtoken") || !strings.Contains(page.body, "&lt;b&gt;phone&lt;/b&gt;") {
		t.Error("the secret is shown again, or the note is not text")
	}
	if n := d.tokens[0].NewToken; n.Athlete != "anna" || n.Role != "read" || time.Until(n.Expires).Hours() < 29*24 {
		t.Errorf("made %+v", n)
	}
	if got := s.do(t, s.request(t, http.MethodPost, "/a/anna/athlete/tokens", url.Values{"role": {"read"}, "days": {"-1"}})); got.status != http.StatusBadRequest {
		t.Errorf("minus one day: %d", got.status)
	}
	s.do(t, s.request(t, http.MethodPost, "/a/anna/athlete/tokens/newtoken/revoke", url.Values{}))
	s.do(t, s.request(t, http.MethodPost, "/a/anna/imports/set-aside", url.Values{"do": {"drop"}, "id": {"1", "2"}}))
	if want := []string{"revoke newtoken", "drop"}; !reflect.DeepEqual(d.did, want) {
		t.Errorf("did %q", d.did)
	}
}

var textarea = regexp.MustCompile(`(?s)<textarea[^>]*>(.*?)</textarea>`)

// TestEveryExampleAnswers runs the examples against the real views.
func TestEveryExampleAnswers(t *testing.T) {
	s, _, _ := withDoors(t, owner())
	first := s.get(t, "/a/anna/query")
	ids := regexp.MustCompile(`\?example=([a-z]+)`).FindAllStringSubmatch(first.body, -1)
	if len(ids) < 5 {
		t.Fatalf("%d examples", len(ids))
	}
	for _, id := range ids {
		sql := html.UnescapeString(textarea.FindStringSubmatch(s.get(t, "/a/anna/query?example="+id[1]).body)[1])
		got := s.do(t, s.request(t, http.MethodPost, "/a/anna/query", url.Values{"sql": {sql}, "as": {"table"}}))
		if got.status != http.StatusOK || !strings.Contains(got.body, "0 rows") {
			t.Errorf("example %s: %d\n%s\n%.2000s", id[1], got.status, sql, regexp.MustCompile(`(?s)<pre.*</pre>`).FindString(got.body))
		}
	}
	if !strings.Contains(first.body, "who_needs_a_call") || !strings.Contains(first.body, "low_share_28d") {
		t.Error("the views are not listed with their columns")
	}
}

// TestAnswersAreText: values are text, a table is cut and says so, files hold
// everything, and errors are shown.
func TestAnswersAreText(t *testing.T) {
	s, _, _ := withDoors(t, owner())
	ask := func(sql, as string) answer {
		return s.do(t, s.request(t, http.MethodPost, "/a/anna/query", url.Values{"sql": {sql}, "as": {as}}))
	}
	got := ask(`SELECT '<script>alert(1)</script>' AS "<i>x</i>", NULL AS n, 5 AS five`, "table")
	if got.status != http.StatusOK || strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<i>x") ||
		!strings.Contains(got.body, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(got.body, "<td>5</td>") {
		t.Errorf("values: %d", got.status)
	}
	got = ask("SELECT number AS n FROM numbers(100000)", "table")
	if rows := strings.Count(got.body, "<tr><td>"); rows != 500 || !strings.Contains(got.body, "there are more") {
		t.Errorf("a long answer: %d, %d rows", got.status, rows)
	}
	got = ask("SELECT number AS n FROM numbers(2000)", "csv")
	if lines := strings.Count(got.body, "\n"); lines != 2001 || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("CSV: %d lines, %v", lines, got.header)
	}
	for as, mime := range map[string]string{"csv": "text/csv", "json": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"} {
		if got := ask("SELECT 1 AS a", as); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), mime) || got.body == "" {
			t.Errorf("%s: %d %v", as, got.status, got.header)
		}
		got := ask("SELECT nonsense FROM sessions", as)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Unknown expression identifier") || got.header.Get("Content-Disposition") != "" {
			t.Errorf("%s of nonsense: %d", as, got.status)
		}
	}
	for _, sql := range []string{"DROP TABLE sessions_versions", "INSERT INTO athlete_settings_versions VALUES (1)", "SELECT * FROM url('http://127.0.0.1/')", ""} {
		if got := ask(sql, "table"); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", sql, got.status)
		}
	}
}
