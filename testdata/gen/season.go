package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"plodwatch/testdata/gen/activity"
)

// writeSeason writes a season's sessions to a folder, and beside it what is
// true of them, of its weeks, the athlete's log and the plan.
func writeSeason(dir, from string, seed uint64) error {
	first, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return fmt.Errorf("first day %q: need the form YYYY-MM-DD", from)
	}
	s, err := activity.NewSeason(first, seed)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range s.Sessions {
		data, err := s.Sessions[i].FIT()
		if err != nil {
			return fmt.Errorf("%s: %w", s.Sessions[i].Name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, s.Sessions[i].Name+".fit"), data, 0o644); err != nil {
			return err
		}
	}
	beside := filepath.Clean(dir)
	for _, table := range []struct {
		suffix string
		comma  rune
		rows   [][]string
	}{
		{".tsv", '\t', seasonTruth(s)},
		{".weeks.tsv", '\t', seasonWeeks(s)},
		{".log.csv", ',', s.LogCSV()},
		{".plan.csv", ',', s.PlanCSV()},
	} {
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma = table.comma
		if err := w.WriteAll(table.rows); err != nil {
			return err
		}
		if err := os.WriteFile(beside+table.suffix, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func seasonTruth(s *activity.Season) [][]string {
	rows := [][]string{{
		"file", "day", "week", "phase", "intent", "planned", "sport", "rpe", "hr_max", "timer_s", "distance_m",
		"low_s", "moderate_s", "high_s", "verdict", "class",
	}}
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	for i := range s.Sessions {
		v := &s.Sessions[i]
		a := &v.Sessions[0].Answer
		planned, rpe := "", ""
		if v.PlannedEasy {
			planned = "easy"
		}
		if v.RPE >= 0 {
			rpe = strconv.FormatFloat(v.RPE, 'f', -1, 64)
		}
		rows = append(rows, []string{
			v.Name + ".fit", v.Day.Format(time.DateOnly), strconv.Itoa(v.Week), string(v.Phase), v.Intent, planned, a.Sport, rpe,
			strconv.FormatFloat(s.HRMaxOn(v.Day), 'f', -1, 64), seconds(v.Timer()),
			strconv.FormatFloat(a.DistanceM, 'f', 2, 64), seconds(v.Thirds.Low), seconds(v.Thirds.Moderate), seconds(v.Thirds.High),
			v.Verdict(), v.Class(),
		})
	}
	return rows
}

func seasonWeeks(s *activity.Season) [][]string {
	rows := [][]string{{"first_day", "phase", "sessions", "timer_s", "low_s", "moderate_s", "high_s", "low_share", "verdict", "reason"}}
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	for i := range s.Weeks {
		w := &s.Weeks[i]
		share := ""
		if low, ok := w.Total.LowShare(); ok {
			share = strconv.FormatFloat(low, 'f', 4, 64)
		}
		rows = append(rows, []string{
			w.First.Format(time.DateOnly), string(w.Phase), strconv.Itoa(w.Count), seconds(w.Timer),
			seconds(w.Total.Low), seconds(w.Total.Moderate), seconds(w.Total.High), share, w.Verdict(), w.Reason(),
		})
	}
	return rows
}
