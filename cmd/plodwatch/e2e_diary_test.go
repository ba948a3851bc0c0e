package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loggedDay is a line of `log list --json`.
type loggedDay struct {
	Day       string   `json:"day"`
	Athlete   string   `json:"athlete_id"`
	RestingHR *float64 `json:"resting_hr"`
	Change    *float64 `json:"resting_hr_change"`
	Flag      *bool    `json:"resting_hr_flag"`
	Energy    *int     `json:"energy"`
	Written   string   `json:"energy_as_written"`
	Note      string   `json:"note"`
}

// write writes a file of the test's own.
func (p *person) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// restingTable is 21 resting heart rates within 28 days, then a week that is
// 5.4 bpm above them.
func restingTable() string {
	var b strings.Builder
	b.WriteString("date,resting_hr\n")
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, v := range []string{
		"50", "53", "53", "51", "52", "52", "52", "", "", "", "", "", "", "", "50", "53", "53", "51", "52", "52", "52", "50", "53", "53", "51", "52", "52", "52",
		"56", "57", "58", "56", "57", "59", "58",
	} {
		if v != "" {
			b.WriteString(day.AddDate(0, 0, i).Format(time.DateOnly) + "," + v + "\n")
		}
	}
	return b.String()
}

// TestEndToEndLog keeps a log: in a table with bad lines, by command, and with
// a daemon that holds the data.
func TestEndToEndLog(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	got := p.do(exitRejected, "log", "import", p.write("log.csv", restingTable()+"2026-02-05,fast\n\"2026-02-06,50\n"))
	if !strings.Contains(got.stdout, "28 days stored, 2 lines left out") || !strings.Contains(got.stderr, `line 30: resting_hr "fast"`) ||
		!strings.Contains(got.stderr, "line 31: ") {
		t.Errorf("import said %q and %q", got.stdout, got.stderr)
	}
	last := decodeLines[loggedDay](t, p.do(exitOK, "log", "list", "--json", "--limit", "1").stdout)
	if len(last) != 1 || last[0].Day != "2026-02-04" || *last[0].RestingHR != 58 || *last[0].Change < 5.4285 || *last[0].Change > 5.4287 || !*last[0].Flag {
		t.Errorf("the last day is %s", asJSON(last))
	}
	if table := p.do(exitOK, "log", "list").stdout; !strings.Contains(table, "+5.4 !") {
		t.Errorf("the table does not mark the change:\n%s", table)
	}
	d := p.up()
	p.do(exitOK, "log", "add", "me", "--date", "2026-02-04", "--energy", "😫", "--note", "heavy legs")
	p.do(exitUsage, "log", "add", "me", "--energy", "purple")
	p.do(exitUsage, "log", "add", "me")
	p.do(exitUsage, "log", "add", "m e", "--energy", "1")
	last = decodeLines[loggedDay](t, p.do(exitOK, "log", "list", "--json", "--athlete", "me", "--from", "2026-02-04").stdout)
	if len(last) != 1 || *last[0].RestingHR != 58 || *last[0].Energy != 1 || last[0].Written != "😫" || last[0].Note != "heavy legs" {
		t.Errorf("the last day is %s", asJSON(last))
	}
	warned := rows[struct {
		Signal  string
		Pattern string
	}](p, "SELECT signal, pattern FROM warnings WHERE day = '2026-02-04'")
	if len(warned) != 1 || warned[0].Signal != "resting_hr" || !strings.HasPrefix(warned[0].Pattern, "pattern: ") {
		t.Errorf("warnings %s", asJSON(warned))
	}
	p.do(exitOK, "log", "remove", "me", "2026-02-04")
	p.do(exitUsage, "log", "remove", "me", "2026-02-04")
	d.post(t)
	d.stop(syscall.SIGTERM)
}

// post writes into the log over HTTP, and tries what must not work.
func (d *daemon) post(t *testing.T) {
	t.Helper()
	var more map[string]string
	send := func(host, kind, origin, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+"/v1/log", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		req.Header.Set("Content-Type", kind)
		for name, value := range more {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	const kind = "application/json"
	const good = `{"athlete": "web", "date": "2026-03-01", "resting_hr": 51, "energy": "green"}`
	for name, c := range map[string]struct {
		host, kind, origin, body string
		status                   int
	}{
		"a form":            {"", "application/x-www-form-urlencoded", "", good, http.StatusUnsupportedMediaType},
		"plain text":        {"", "text/plain", "", good, http.StatusUnsupportedMediaType},
		"another site":      {"", kind, "https://evil.example", good, http.StatusForbidden},
		"a name made local": {"evil.example:8020", kind, "", good, http.StatusForbidden},
		"no JSON":           {"", kind, "", "resting_hr=51", http.StatusUnprocessableEntity},
		"nothing":           {"", kind, "", "[]", http.StatusUnprocessableEntity},
		"an unknown field":  {"", kind, "", `{"restinghr": 51}`, http.StatusUnprocessableEntity},
		"one bad of two":    {"", kind, "", "[" + good + `, {"athlete": "web", "date": "2026-03-02", "resting_hr": 500}]`, http.StatusUnprocessableEntity},
		"too much":          {"", kind, "", `{"note": "` + strings.Repeat("x", 2<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		if status, text := send(c.host, c.kind, c.origin, c.body); status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, status, c.status, text)
		}
	}
	more = map[string]string{"X-Forwarded-For": "203.0.113.7"} // a proxy asks for somebody elsewhere
	if status, text := send("localhost:8020", kind, "", good); status != http.StatusForbidden {
		t.Errorf("through a proxy: %d, want %d: %s", status, http.StatusForbidden, text)
	}
	more = nil
	if n := rows[struct{ N int }](d.p, "SELECT toInt32(count()) AS N FROM daily_log WHERE athlete_id = 'web'"); n[0].N != 0 {
		t.Errorf("%d days were stored by requests that were refused", n[0].N)
	}
	if status, text := send("", kind+"; charset=utf-8", "", "["+good+`, {"athlete": "web", "date": "2026-03-02", "energy": 2, "note": "tired"}]`); status != http.StatusOK || !json.Valid([]byte(text)) {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send("localhost:1", kind, "", `{"athlete": "web", "sleep_h": 7.5}`); status != http.StatusOK { // today
		t.Errorf("%d %s", status, text)
	}
	got := decodeLines[loggedDay](t, d.p.do(exitOK, "log", "list", "--json", "--athlete", "web").stdout)
	if len(got) != 3 || *got[0].RestingHR != 51 || *got[0].Energy != 4 || got[0].Written != "green" || *got[1].Energy != 2 || got[1].Note != "tired" {
		t.Errorf("the log holds %s", asJSON(got))
	}
}

// TestEndToEndPlans plans days and takes plans back.
func TestEndToEndPlans(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	defer p.up().stop(syscall.SIGTERM)
	p.do(exitOK, "plan", "easy", "me", "2026-03-02", "2026-03-04")
	p.do(exitOK, "plan", "hard", "me", "2026-03-04")
	p.do(exitOK, "plan", "rest", "anna", "2026-03-04")
	p.do(exitUsage, "plan", "easy", "me", "tomorrow")
	p.do(exitUsage, "plan", "lazy", "me", "2026-03-02")
	got := p.do(exitRejected, "plan", "import", "--json", p.write("plan.csv", "date;kind\n2026-03-05;easy\n2026-03-06;lazy\n"))
	var res tableResult
	if err := json.Unmarshal([]byte(got.stdout), &res); err != nil || res.Stored != 1 || len(res.Faults) != 1 || res.Faults[0].Line != 3 {
		t.Errorf("import said %s, %v", got.stdout, err)
	}
	p.do(exitOK, "plan", "clear", "me", "2026-03-02")
	type plan struct{ Day, Intent, Source string }
	plans := decodeLines[plan](t, p.do(exitOK, "plan", "list", "--json", "--athlete", "me").stdout)
	want := []plan{{"2026-03-04", "hard", "command"}, {"2026-03-05", "easy", "csv"}}
	if len(plans) != 2 || plans[0] != want[0] || plans[1] != want[1] {
		t.Errorf("plans are %+v", plans)
	}
}

// TestEndToEndReturnToRun starts, shows and ends a return, by the protocols
// that come with the program and by one of the test's own.
func TestEndToEndReturnToRun(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	defer p.up().stop(syscall.SIGTERM)
	if got := p.do(exitOK, "return-to-run", "protocol", "list").stdout; !strings.Contains(got, "overtraining 3, gradual return") {
		t.Errorf("protocols:\n%s", got)
	}
	p.do(exitUsage, "return-to-run", "start", "me", "--phase", "4", "--from", "2026-03-02")
	p.do(exitUsage, "return-to-run", "start", "me", "--phase", "0", "--from", "2026-03-02")
	p.do(exitUsage, "return-to-run", "start", "me", "--from", "2026-03-02", "--baseline-km-week", "50", "--baseline-minutes-week", "300")
	p.do(exitUsage, "return-to-run", "stop", "me", "--on", "2026-03-02")
	if got := p.do(exitOK, "return-to-run", "start", "me", "--from", "2026-03-02", "--baseline-km-week", "50").stdout; !strings.Contains(got, "full rest") || !strings.Contains(got, "50 km a week (set)") {
		t.Errorf("start said %q", got)
	}
	p.do(exitOK, "return-to-run", "protocol", "import", p.write("ours.csv", "protocol,phase,name,days_per_week,weeks\nours,1,slowly,2,1\n"))
	p.do(exitOK, "return-to-run", "start", "me", "--protocol", "ours", "--from", "2026-03-16")
	p.do(exitOK, "return-to-run", "stop", "me", "--on", "2026-03-23")
	type week struct {
		From, Protocol, Outcome, Next string
		Week                          int
	}
	show := func() []week {
		var weeks []week
		for _, w := range decodeLines[struct {
			From     string `json:"week_from"`
			Protocol string `json:"protocol"`
			Week     int    `json:"week"`
			Outcome  string `json:"outcome"`
			Next     string `json:"next_week"`
		}](t, p.do(exitOK, "return-to-run", "show", "me", "--json").stdout) {
			weeks = append(weeks, week{w.From, w.Protocol, w.Outcome, w.Next, w.Week})
		}
		return weeks
	}
	got := show()
	if len(got) != 3 || got[0].From != "2026-03-02" || got[1].Week != 2 || got[2].Protocol != "ours" || got[2].Outcome != "pass" ||
		!strings.HasPrefix(got[2].Next, "the phase is over") {
		t.Errorf("weeks are %+v", got)
	}
	p.do(exitOK, "return-to-run", "remove", "me", "2026-03-16")
	if got := show(); len(got) != 3 || got[2].Protocol != "overtraining" || got[2].Week != 3 {
		t.Errorf("without the second start the weeks are %+v", got)
	}
	if table := p.do(exitOK, "return-to-run", "show", "me").stdout; !strings.Contains(table, "0 of 3") || !strings.Contains(table, "Next week: up to 3 days") {
		t.Errorf("table:\n%s", table)
	}
	if got := p.do(exitOK, "return-to-run", "show", "anna").stdout; !strings.Contains(got, "no return to running") {
		t.Errorf("for somebody else: %q", got)
	}
}
