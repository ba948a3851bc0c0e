package analyze_test

import (
	"fmt"
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

func TestWeekVerdicts(t *testing.T) {
	const minute = 60_000
	sum := func(low, moderate, high, timer int64, sessions, judged int) analyze.WeekSum {
		return analyze.WeekSum{
			Sessions: sessions, HRSessions: judged, TimerMs: timer * minute, ClassifiedMs: (low + moderate + high) * minute,
			LowMs: low * minute, ModerateMs: moderate * minute, HighMs: high * minute,
		}
	}
	for name, c := range map[string]struct {
		week analyze.WeekSum
		want string
	}{
		"nothing":                 {analyze.WeekSum{}, "insufficient_data no_sessions"},
		"no heart rate":           {analyze.WeekSum{Sessions: 4, TimerMs: 1}, "insufficient_data no_hr"},
		"no max HR":               {analyze.WeekSum{Sessions: 4, TimerMs: 100, ClassifiedMs: 100}, "insufficient_data no_hrmax"},
		"79 % coverage":           {sum(300, 0, 0, 380, 4, 4), "insufficient_data low_coverage"},
		"80 % coverage":           {sum(320, 0, 0, 400, 4, 4), "ok "},
		"two sessions":            {sum(300, 0, 0, 300, 4, 2), "insufficient_data few_sessions"},
		"89 minutes":              {sum(89, 0, 0, 89, 4, 4), "insufficient_data little_hr"},
		"90 minutes":              {sum(90, 0, 0, 90, 4, 4), "ok "},
		"SCIENCE 240 low 60":      {sum(240, 60, 0, 300, 3, 3), "ok "},
		"just below 80 %":         {sum(239, 60, 1, 300, 3, 3), "borderline "},
		"75 %":                    {sum(225, 60, 15, 300, 3, 3), "borderline "},
		"just below 75 %":         {sum(224, 60, 16, 300, 3, 3), "too_hard "},
		"SCIENCE 60, 60, 25/5/15": {sum(145, 5, 15, 165, 3, 3), "ok "},
	} {
		verdict, reason := c.week.Verdict()
		if got := verdict + " " + reason; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWeekVerdictsByPace(t *testing.T) {
	const minute = 60_000
	for name, c := range map[string]struct {
		runs                int
		low, moderate, high int64
		want                string
	}{
		"no run":          {0, 0, 0, 0, "insufficient_data no_pace"},
		"two runs":        {2, 200, 0, 0, "insufficient_data few_sessions"},
		"89 minutes":      {3, 80, 9, 0, "insufficient_data little_pace"},
		"90 minutes":      {3, 72, 18, 0, "ok "},
		"just below 80 %": {3, 239, 60, 1, "borderline "},
		"75 %":            {3, 225, 60, 15, "borderline "},
		"just below 75 %": {3, 224, 60, 16, "too_hard "},
	} {
		w := analyze.WeekSum{
			Sessions: c.runs, PaceSessions: c.runs, PaceLowMs: c.low * minute, PaceModerateMs: c.moderate * minute, PaceHighMs: c.high * minute,
		}
		verdict, reason := w.PaceVerdict()
		if got := verdict + " " + reason; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestWeeksBeginOnTheirDay puts a session on each day of three weeks, also
// before 1970, and asks for each first day of the week.
func TestWeeksBeginOnTheirDay(t *testing.T) {
	for startsOn := 1; startsOn <= 7; startsOn++ {
		for _, from := range []schema.Day{19723, -30} {
			for day := from; day < from+21; day++ {
				key := analyze.SessionKey{Athlete: "me", ID: schema.SessionID{1}}
				tallies := []analyze.Tally{{SessionKey: key, Day: day}}
				weeks := analyze.WeekChanges(tallies, startsOn, []analyze.Change{{SessionKey: key, DayBefore: day, DayAfter: day}})
				if len(weeks) != 1 {
					t.Fatalf("%d weeks", len(weeks))
				}
				start := time.Unix(int64(weeks[0].Start)*86400, 0).UTC()
				if weekday := (int(start.Weekday())+6)%7 + 1; weekday != startsOn || weeks[0].Start > day || day-weeks[0].Start > 6 {
					t.Errorf("weeks from %d: %s is in the week of %s, a %s", startsOn, day, weeks[0].Start, start.Weekday())
				}
			}
		}
	}
}

func TestASessionMayMoveToAnotherWeek(t *testing.T) {
	key := func(n byte) analyze.SessionKey { return analyze.SessionKey{Athlete: "me", ID: schema.SessionID{n}} }
	// 2024-01-07 is a Sunday.
	tallies := []analyze.Tally{
		{SessionKey: key(1), Day: 19729, TimerMs: 100, ClassifiedMs: 100, LowMs: 100, Class: intensity.ClassEasy},
		{SessionKey: key(2), Day: 19725, TimerMs: 50, ClassifiedMs: 50, HighMs: 50, Class: intensity.ClassHard},
		{SessionKey: key(3), Day: 19700, TimerMs: 7},
	}
	got := analyze.WeekChanges(tallies, 1, []analyze.Change{{
		SessionKey: key(1), DayBefore: 19729, DayAfter: 19730, TimerMs: 100, ClassifiedMs: 100,
		After: analyze.Judgement{LowMs: 60, ModerateMs: 40, Class: intensity.ClassModerate},
	}})
	hard := analyze.WeekSum{Sessions: 1, HRSessions: 1, Hard: 1, TimerMs: 50, ClassifiedMs: 50, HighMs: 50}
	both := analyze.WeekSum{Sessions: 2, HRSessions: 2, Hard: 1, Easy: 1, TimerMs: 150, ClassifiedMs: 150, LowMs: 100, HighMs: 50}
	moved := analyze.WeekSum{Sessions: 1, HRSessions: 1, Moderate: 1, TimerMs: 100, ClassifiedMs: 100, LowMs: 60, ModerateMs: 40}
	want := []analyze.WeekChange{{Start: 19723, Before: both, After: hard}, {Start: 19730, After: moved}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// viewOfWeeks returns what the view weekly_intensity says, by first day.
func viewOfWeeks(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	if _, err := s.RefreshDays(t.Context(), []schema.AthleteID{"me", "other"}); err != nil {
		t.Fatal(err)
	}
	return pairs(t, s, `SELECT toString(week_start), toString((sessions, easy_sessions, moderate_sessions, hard_sessions,
		round(low_s * 1000), round(moderate_s * 1000), round(high_s * 1000), verdict, reason,
		round(pace_low_s * 1000), round(pace_moderate_s * 1000), round(pace_high_s * 1000), pace_verdict, pace_reason)) FROM weekly_intensity WHERE athlete_id = 'me'`)
}

// sayWeek writes a sum in the form of viewOfWeeks.
func sayWeek(w *analyze.WeekSum) string {
	times := "NULL,NULL,NULL"
	if w.KnownMs() > 0 {
		times = fmt.Sprintf("%d,%d,%d", w.LowMs, w.ModerateMs, w.HighMs)
	}
	pace := "NULL,NULL,NULL"
	if w.PaceSessions > 0 {
		pace = fmt.Sprintf("%d,%d,%d", w.PaceLowMs, w.PaceModerateMs, w.PaceHighMs)
	}
	verdict, reason := w.Verdict()
	paceVerdict, paceReason := w.PaceVerdict()
	return fmt.Sprintf("(%d,%d,%d,%d,%s,'%s','%s',%s,'%s','%s')", w.Sessions, w.Easy, w.Moderate, w.Hard, times, verdict, reason, pace, paceVerdict, paceReason)
}

// weeksOf asks for the weeks that changes touch.
func weeksOf(t *testing.T, s *store.Store, changes []analyze.Change) []analyze.WeekChange {
	t.Helper()
	tallies, startsOn, err := s.Tallies(t.Context(), "me")
	if err != nil {
		t.Fatal(err)
	}
	return analyze.WeekChanges(tallies, startsOn, changes)
}
