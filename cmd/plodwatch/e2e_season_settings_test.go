package main

import (
	"encoding/json"
	"reflect"
	"strconv"

	"plodwatch/testdata/gen/activity"
)

// seasonFigures is what is said of a session under the settings of its day.
type seasonFigures struct {
	Athlete    string   `json:"athlete_id"`
	SessionID  string   `json:"session_id"`
	ExportID   string   `json:"export_id"`
	LocalDay   string   `json:"local_day"`
	SettingsID string   `json:"settings_id"`
	HRMax      *float64 `json:"hr_max"`
	LowS       *float64 `json:"low_s"`
	ModerateS  *float64 `json:"moderate_s"`
	HighS      *float64 `json:"high_s"`
	Class      *string  `json:"session_class"`
	Verdict    string   `json:"verdict"`
	Written    string   `json:"written"`
}

// figures reads what is said of the sessions, by session.
func (l *life) figures() map[string]seasonFigures {
	all := map[string]seasonFigures{}
	for _, d := range rows[seasonFigures](l.person, `SELECT i.athlete_id AS athlete_id, toString(i.session_id) AS session_id, s.export_id AS export_id, toString(s.local_day) AS local_day,
		i.settings_id AS settings_id, i.hr_max AS hr_max, i.low_s AS low_s, i.moderate_s AS moderate_s, i.high_s AS high_s,
		i.session_class AS session_class, i.verdict AS verdict, toString(i.analyzed_at) AS written
		FROM intensity AS i JOIN sessions AS s ON s.session_id = i.session_id`) {
		all[d.SessionID] = d
	}
	return all
}

// settingsChangeTheirTimeOnly sets another max HR for March 2024. What-if names
// the sessions and what will be said of them, athlete set makes it so, and all
// sessions before that day and from the next settings on stay as they were.
func (l *life) settingsChangeTheirTimeOnly() {
	const (
		from  = "2024-03-01"
		hrMax = 184.0
	)
	until := isoDay(l.season.FirstOf(activity.PhaseReturn3))
	change := []string{"me", "--max-hr", strconv.Itoa(hrMax), "--from", from, "--json"}
	before := l.figures()
	var foretold struct {
		Covered  int `json:"sessions_covered"`
		Changed  int `json:"sessions_changed"`
		Sessions []struct {
			SessionID string         `json:"session_id"`
			Changed   bool           `json:"changed"`
			Before    *seasonFigures `json:"before"`
			After     seasonFigures  `json:"after"`
		} `json:"sessions"`
	}
	l.decode(l.do(exitOK, append([]string{"what-if"}, change...)...), &foretold)
	if now := l.figures(); !reflect.DeepEqual(now, before) {
		l.t.Fatal("what-if changed something")
	}
	var set struct {
		Reanalysed int `json:"reanalysed"`
	}
	l.decode(l.do(exitOK, append([]string{"athlete", "set"}, change...)...), &set)
	after := l.figures()

	covered := map[string]bool{}
	for id, b := range before {
		a := after[id]
		if in := b.Athlete == "me" && b.LocalDay >= from && b.LocalDay < until; !in {
			if !reflect.DeepEqual(a, b) {
				l.t.Errorf("%s's session of %s changed: %s, before %s", b.Athlete, b.LocalDay, asJSON(a), asJSON(b))
			}
			continue
		}
		covered[id] = true
		if orNaN(a.HRMax) != hrMax || a.SettingsID == b.SettingsID {
			l.t.Errorf("the session of %s did not change: %s", b.LocalDay, asJSON(a))
		}
	}
	l.thirdsAre(after, covered, hrMax)
	if set.Reanalysed != len(covered) || foretold.Covered != len(covered) || len(foretold.Sessions) != len(covered) || len(covered) < 100 {
		l.t.Errorf("%d sessions lie in that time, %d were analyzed again, what-if said %d and listed %d", len(covered), set.Reanalysed,
			foretold.Covered, len(foretold.Sessions))
	}
	changed := 0
	for _, f := range foretold.Sessions {
		a, b := after[f.SessionID], before[f.SessionID]
		if !covered[f.SessionID] || f.Before == nil || !sameFigures(f.Before, &b) || !sameFigures(&f.After, &a) {
			l.t.Errorf("what-if said %s, before was %s, after is %s", asJSON(f), asJSON(b), asJSON(a))
		}
		if f.Changed {
			changed++
		}
	}
	if changed != foretold.Changed || changed < 50 {
		l.t.Errorf("what-if says %d changed and lists %d", foretold.Changed, changed)
	}
}

// thirdsAre compares the covered sessions with what was booked, under another
// max HR.
func (l *life) thirdsAre(stored map[string]seasonFigures, covered map[string]bool, hrMax float64) {
	booked := map[string]*activity.SeasonSession{}
	for i := range l.season.Sessions {
		booked[exportOf(l.t, l.path(&l.season.Sessions[i]))] = &l.season.Sessions[i]
	}
	for id := range covered {
		got := stored[id]
		want := booked[got.ExportID].ThirdsAt(hrMax)
		if !sameSeconds(orNaN(got.LowS), want.Low.Seconds()) || !sameSeconds(orNaN(got.ModerateS), want.Moderate.Seconds()) ||
			!sameSeconds(orNaN(got.HighS), want.High.Seconds()) {
			l.t.Errorf("session of %s: %s, at a max HR of %v it has %+v", got.LocalDay, asJSON(got), hrMax, want)
		}
	}
}

// sameFigures compares what both forms have.
func sameFigures(a, b *seasonFigures) bool {
	same := func(x, y *float64) bool { return x == nil && y == nil || sameSeconds(orNaN(x), orNaN(y)) }
	return a.LocalDay == b.LocalDay && a.SettingsID == b.SettingsID && same(a.HRMax, b.HRMax) && same(a.LowS, b.LowS) &&
		same(a.ModerateS, b.ModerateS) && same(a.HighS, b.HighS) && orEmpty(a.Class) == orEmpty(b.Class) && a.Verdict == b.Verdict
}

// decode reads what a command printed as JSON.
func (l *life) decode(from outcome, to any) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(from.stdout), to); err != nil {
		l.t.Fatalf("read %.300q: %v", from.stdout, err)
	}
}
