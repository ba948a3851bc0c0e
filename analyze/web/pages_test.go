package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plodwatch/schema"
)

// season is anna's eight weeks and one session each of two others.
func season() []*schema.Envelope {
	var all []*schema.Envelope
	for day := range 56 {
		if day%2 == 0 {
			all = append(all, outing("anna", day, 2400+day, uint8(140+day%40))) //nolint:gosec // small
		}
	}
	return append(all, outing("bert", 3, 1800, 150), outing("carla", 5, 1800, 150))
}

// TestEveryPageAnswers asks for each page of athletes with sessions, without
// and with heart rate, as the owner, and looks for what must be on it.
func TestEveryPageAnswers(t *testing.T) {
	st := newStore(t)
	setMaxHR(t, st, "anna", 190)
	bare := outing("bert", 9, 900, 150)
	bare.Session.Samples.HeartRate = nil
	last := outing("anna", 60, 5000, 175)
	last.Session.TimerEvents = []schema.TimerEvent{
		{AtMs: last.Session.StartMs + 600_500, Stop: true}, {AtMs: last.Session.StartMs + 900_500},
	}
	drop(&last.Session.Samples, 601, 901)
	for i := 950; i < 1000; i++ {
		last.Session.Samples.HeartRate[i] = 0
	}
	last.Session.Samples.HeartRate[2000] = 240
	analyzed(t, st, append(season(), bare, last)...)
	g := newGuests()
	g.owner = true
	s := serve(t, st, g, nil)
	session := "/a/anna/sessions/" + last.ID.String()
	for _, c := range []struct {
		path  string
		words []string
	}{
		{"/", []string{"3 need a call", "anna", "bert", "carla"}},
		{"/a/anna/", []string{"190 bpm", "By time", "By sessions", "The line marks 80 %", "28 days to 7 Mar 2025", "2025 07:30"}},
		{"/a/anna/?until=2025-02-02", []string{"28 days to 2 Feb 2025"}},
		{"/a/anna/weeks", []string{"Hours a week", "Week by week", "6 Jan 2025"}},
		{"/a/anna/weeks?weeks=520&until=2025-02-02", []string{"27 Jan 2025"}},
		{"/a/anna/sessions", []string{"1 to 29 of 29", last.ID.String(), "Above 60 %"}},
		{"/a/anna/sessions?page=2", []string{"No session is like this"}},
		{"/a/anna/sessions?from=2025-01-06&to=2025-01-07", []string{"1 to 1 of 1"}},
		{"/a/bert/sessions?hr=without", []string{"1 to 1 of 1", "no heart rate"}},
		{"/a/bert/sessions?class=none", []string{"no heart rate"}},
		{session, []string{"Time in zones", "Where the time went", "paused 0:05:00", "out of range", "What does not count", "a watch", "zone 5", "VT1: low ends (155.8)"}},
		{"/a/bert/sessions/" + bare.ID.String(), []string{"No heart rate in this session", "Not judged"}},
		{"/a/nobody/", []string{"Nothing here yet"}},
		{"/a/nobody/weeks", []string{"Nothing here yet"}},
		{"/a/nobody/sessions", []string{"Nothing here yet"}},
	} {
		got := s.get(t, c.path)
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d", c.path, got.status)
			continue
		}
		text := strings.ToLower(html.UnescapeString(got.body))
		for _, word := range c.words {
			if !strings.Contains(text, strings.ToLower(word)) {
				t.Errorf("%s has no %q", c.path, word)
			}
		}
		for _, bad := range []string{"style=", "<nil>", "%!", "NaN", "onclick"} {
			if strings.Contains(got.body, bad) {
				t.Errorf("%s has %q in it", c.path, bad)
			}
		}
	}
	for path, want := range map[string]int{
		"/a/anna/?until=soon": http.StatusBadRequest, "/a/anna/sessions?from=x": http.StatusBadRequest, "/a/anna/sessions?page=0": http.StatusBadRequest,
		"/a/bert/sessions/" + last.ID.String(): http.StatusNotFound, "/a/anna/sessions/x": http.StatusNotFound,
		"/a/anna/sessions/" + strings.Repeat("0", 8) + "-0000-0000-0000-000000000000": http.StatusNotFound,
		"/a/bert/sessions/" + last.ID.String() + "/curves.json":                       http.StatusNotFound,
	} {
		if got := s.get(t, path); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	curvesAreKept(t, s, session+"/curves.json")
}

// drop takes the samples from i to j out.
func drop(s *schema.Samples, i, j int) {
	s.TimeMs, s.HeartRate, s.SpeedMMps = slices.Delete(s.TimeMs, i, j), slices.Delete(s.HeartRate, i, j), slices.Delete(s.SpeedMMps, i, j)
}

// curvesAreKept checks the curves as JSON, and that browsers need not fetch
// them twice.
func curvesAreKept(t *testing.T, s *site, path string) {
	t.Helper()
	got := s.get(t, path)
	var c struct {
		Elapsed  float64 `json:"elapsed_s"`
		HR       struct{ T, V []*float64 }
		Rejected struct{ T, V []*float64 }
		Excluded []struct{ Cause string }
		Bounds   []struct{ BPM float64 }
		Pace     bool
	}
	if err := json.Unmarshal([]byte(got.body), &c); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	lowest, highest, breaks := 255.0, 0.0, 0
	for _, v := range c.HR.V {
		if v == nil {
			breaks++
			continue
		}
		lowest, highest = min(lowest, *v), max(highest, *v)
	}
	if c.Elapsed != 5000 || len(c.HR.T) != len(c.HR.V) || len(c.HR.V) > 2600 || lowest != 126 || highest != 175 || breaks == 0 {
		t.Errorf("%v s, %d points from %v to %v bpm with %d breaks", c.Elapsed, len(c.HR.V), lowest, highest, breaks)
	}
	if len(c.Rejected.V) != 1 || *c.Rejected.V[0] != 240 || len(c.Bounds) != 3 || !c.Pace || len(c.Excluded) < 3 {
		t.Errorf("rejected %v, bounds %v, excluded %v, pace %v", c.Rejected, c.Bounds, c.Excluded, c.Pace)
	}
	r := s.request(t, http.MethodGet, path, nil)
	r.Header.Set("If-None-Match", got.header.Get("ETag"))
	if again := s.do(t, r); again.status != http.StatusNotModified || again.body != "" {
		t.Errorf("asked again: %d, %d bytes", again.status, len(again.body))
	}
}

// TestAnAthleteSeesOnlyTheirOwn: no page of a token's holder names another
// athlete or leads to one.
func TestAnAthleteSeesOnlyTheirOwn(t *testing.T) {
	st := newStore(t)
	all := season()
	analyzed(t, st, all...)
	s := serve(t, st, newGuests(), nil)
	s.signIn(t, "anna-reads")
	if got := s.get(t, "/"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/a/anna/" {
		t.Errorf("the first page: %d to %q", got.status, got.header.Get("Location"))
	}
	for _, path := range []string{"/a/anna/", "/a/anna/weeks", "/a/anna/sessions", "/a/anna/sessions/" + all[0].ID.String()} {
		got := s.get(t, path)
		if got.status != http.StatusOK || strings.Contains(got.body, "bert") || strings.Contains(got.body, "carla") {
			t.Errorf("%s: %d, or it names others", path, got.status)
		}
	}
	other := all[len(all)-1]
	for _, path := range []string{"", "weeks", "sessions", "sessions/" + other.ID.String(), "sessions/" + other.ID.String() + "/curves.json"} {
		if got := s.get(t, "/a/carla/"+path); got.status != http.StatusNotFound || strings.Contains(got.body, other.ID.String()) {
			t.Errorf("/a/carla/%s: %d", path, got.status)
		}
		if got := s.get(t, "/a/anna/"+path); path != "" && strings.Contains(path, "/") && got.status != http.StatusNotFound {
			t.Errorf("another's session as one's own: %d", got.status)
		}
	}
}

// TestHostileTextComesOutAsText: what files and people write is shown, never
// run.
func TestHostileTextComesOutAsText(t *testing.T) {
	st := newStore(t)
	const attack = `</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'`
	env := outing("anna", 0, 1200, 160)
	env.Session.Device, env.Session.Sport, env.Session.SubSport = attack, schema.Sport(attack), attack
	analyzed(t, st, env, outing("bert", 0, 900, 150))
	g := newGuests()
	g.owner = true
	s := serve(t, st, g, nil)
	seen := 0
	for _, path := range []string{
		"/", "/a/anna/", "/a/anna/weeks", "/a/anna/sessions", "/a/anna/sessions/" + env.ID.String(),
		"/a/anna/sessions?sport=%3C%2Fselect%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&class=%22%3E%3Cscript%3E&hr=%3Cscript%3E",
		"/a/anna/?until=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/a/%3Cscript%3Ealert(1)%3C%2Fscript%3E/", "/sign-in?next=%22%3E%3Cscript%3Ealert(1)",
		"/%3Cscript%3Ealert(1)%3C/script%3E",
	} {
		got := s.get(t, path)
		if strings.Contains(got.body, "<script>") || strings.Contains(got.body, "<img") || strings.Contains(got.body, "onerror=alert(1)>") {
			t.Errorf("%s lets it through", path)
		}
		if strings.Contains(html.UnescapeString(got.body), attack) {
			seen++
		}
	}
	if seen < 3 {
		t.Errorf("the text is shown on %d pages, want it on those of the session", seen)
	}
}

// TestEveryFilterHolds counts what each filter of the list lets through.
func TestEveryFilterHolds(t *testing.T) {
	st := newStore(t)
	setMaxHR(t, st, "anna", 190)
	ride := outing("anna", 1, 1800, 130)
	ride.Session.Sport = schema.SportCycling
	bare := outing("anna", 2, 1800, 130)
	bare.Session.Samples.HeartRate = nil
	analyzed(t, st, outing("anna", 0, 1800, 130), ride, bare, outing("anna", 3, 4200, 180))
	g := newGuests()
	g.owner = true
	s := serve(t, st, g, nil)
	for query, want := range map[string]string{
		"": "of 4,", "sport=cycling": "of 1,", "sport=running": "of 3,", "hr=with": "of 3,", "hr=without": "of 1,", "class=easy": "of 2,",
		"class=hard": "of 1,", "class=none": "of 1,", "sport=cycling&class=easy": "of 1,", "from=2025-01-08": "of 2,", "to=2025-01-06": "of 1,",
		"sport=rowing": "No session is like this", "class=easy'%20OR%201=1": "No session is like this", "sport=%5C%27": "No session is like this",
	} {
		if got := s.get(t, "/a/anna/sessions?"+query); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%q: %d, without %q", query, got.status, want)
		}
	}
}
