package activity

import (
	"strconv"
	"time"
)

// LogCSV is the athlete's log as a table with a header.
func (s *Season) LogCSV() [][]string {
	rows := [][]string{{"date", "resting_hr", "hrv", "sleep_h", "energy", "note"}}
	number := func(v int) string {
		if v == 0 {
			return ""
		}
		return strconv.Itoa(v)
	}
	for i := range s.Days {
		d := &s.Days[i]
		rows = append(rows, []string{
			d.Day.Format(time.DateOnly), number(d.RestingHR), number(d.HRV), strconv.FormatFloat(d.SleepH, 'f', -1, 64), d.Energy, d.Note,
		})
	}
	return rows
}

// PlanCSV is the days that were planned easy, as a table with a header.
func (s *Season) PlanCSV() [][]string {
	rows := [][]string{{"date", "kind"}}
	for i := range s.Sessions {
		if s.Sessions[i].PlannedEasy {
			rows = append(rows, []string{s.Sessions[i].Day.Format(time.DateOnly), "easy"})
		}
	}
	return rows
}
