package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPacesAreMinutesAndSeconds(t *testing.T) {
	for text, want := range map[string]pace{"4:30": 270, "4:05.5": 245.5, "10:00": 600, "0:59": 59} {
		var p pace
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%s: %v, %v", text, float64(p), err)
		}
	}
	for _, text := range []string{"", "4", "4:60", "4:-1", ":30", "-4:30", "4:NaN", "4:30:00", "270"} {
		var p pace
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, float64(p))
		}
	}
	if got := pace(270).String(); got != "4:30" {
		t.Errorf("printed %s", got)
	}
}

func TestWeekdaysByName(t *testing.T) {
	for text, want := range map[string]time.Weekday{"monday": time.Monday, "Sun": time.Sunday, "SATURDAY": time.Saturday} {
		if got, err := parseWeekday(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if _, err := parseWeekday("someday"); err == nil || !strings.Contains(err.Error(), "monday to sunday") {
		t.Errorf("got %v", err)
	}
}

// TestEndToEndWeek imports the generated activities of one week and asks for it
// in the ways there are.
func TestEndToEndWeek(t *testing.T) {
	p := newPerson(t)
	p.imports(exitOK, activities())
	p.do(exitOK, "athlete", "set", "me", "--max-hr", "190", "--rest-hr", "50", "--threshold-pace", "4:30")
	type week struct {
		Week         string   `json:"week"`
		Start        string   `json:"week_start"`
		Sessions     int      `json:"sessions"`
		LowShare     *float64 `json:"low_share"`
		Verdict      string   `json:"verdict"`
		Reason       string   `json:"reason"`
		PaceLowShare *float64 `json:"pace_low_share"`
	}
	weeks := decodeLines[week](t, p.do(exitOK, "week", "me", "--json").stdout)
	if len(weeks) == 0 {
		t.Fatal("no weeks")
	}
	total := 0
	for _, w := range weeks {
		total += w.Sessions
		day, err := time.Parse(time.DateOnly, w.Start)
		if err != nil || day.Weekday() != time.Monday {
			t.Errorf("week %s starts on %s", w.Week, w.Start)
		}
		if (w.Verdict == "insufficient_data") != (w.Reason != "") {
			t.Errorf("week %s: %s %q", w.Week, w.Verdict, w.Reason)
		}
	}
	if n := rows[struct {
		N json.Number `json:"n"`
	}](p, "SELECT count() AS n FROM sessions")[0].N.String(); n != strconv.Itoa(total) {
		t.Errorf("%d sessions in the weeks, %s stored", total, n)
	}
	if weeks[0].PaceLowShare == nil {
		t.Error("no pace, though its threshold is set")
	}
	if out := p.do(exitOK, "week").stdout; !strings.Contains(out, weeks[0].Week) || !strings.HasPrefix(out, "athlete") {
		t.Errorf("printed\n%s", out)
	}
	if sunday := decodeLines[week](t, p.do(exitOK, "week", "me", "--starts-on", "sunday", "--weeks", "1", "--json").stdout); len(sunday) != 1 {
		t.Errorf("%d weeks, want 1", len(sunday))
	} else if day, err := time.Parse(time.DateOnly, sunday[0].Start); err != nil || day.Weekday() != time.Sunday {
		t.Errorf("the week starts on %s", sunday[0].Start)
	}
	if got := p.do(exitUsage, "week", "--weeks", "0"); !strings.Contains(got.stderr, "need 1 to") {
		t.Errorf("said %s", got.stderr)
	}
}
