package periods_test

import (
	"math"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/periods"
	"plodwatch/schema"
)

const minute = 60_000

// judged is a session of whole minutes at low, moderate and high intensity.
func judged(day schema.Day, class intensity.Class, low, moderate, high int64) periods.Session {
	all := (low + moderate + high) * minute
	return periods.Session{
		Day: day, TimerMs: all, ClassifiedMs: all, Class: class,
		LowMs: low * minute, ModerateMs: moderate * minute, HighMs: high * minute,
	}
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || !(math.Abs(*got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// SCIENCE 5.
func TestWeekOfSixtySixtyAndFortyFiveMinutes(t *testing.T) {
	days := periods.Make([]periods.Session{
		judged(4, intensity.ClassHard, 25, 5, 15), judged(0, intensity.ClassEasy, 60, 0, 0), judged(2, intensity.ClassEasy, 60, 0, 0),
	})
	w := days[4].Week
	share := float64(w.LowMs) / float64(w.KnownMs)
	near(t, "low share", &share, 0.8788, 5e-5)
	near(t, "polarization index", w.Polarization, 2.4210, 5e-5)
	if w.Verdict != periods.VerdictOK || w.Reason != "" || w.EasySessions != 2 || w.Sessions != 3 || w.Label != intensity.LabelPolarized {
		t.Errorf("got %+v", w)
	}
}

// SCIENCE 5: 240 low and 60 moderate are exactly 0.80.
func TestVerdictBounds(t *testing.T) {
	for low, want := range map[int64]periods.Verdict{
		300: periods.VerdictOK, 240: periods.VerdictOK, 239: periods.VerdictBorderline, 225: periods.VerdictBorderline,
		224: periods.VerdictTooHard, 0: periods.VerdictTooHard,
	} {
		s := periods.Sums{
			Sessions: 3, HRSessions: 3, TimerMs: 300 * minute, ClassifiedMs: 300 * minute,
			LowMs: low * minute, ModerateMs: (300 - low) * minute,
		}
		if got := s.Judge().Verdict; got != want {
			t.Errorf("%d of 300 min low: %s, want %s", low, got, want)
		}
	}
}

// SCIENCE 7: v += (load - v)/42 and /7 from 0.
func TestConstantLoadOfAHundred(t *testing.T) {
	var sessions []periods.Session
	for day := range schema.Day(60) {
		load := 100.0
		sessions = append(sessions, periods.Session{Day: day, TimerMs: minute, Trimp: &load})
	}
	days := periods.Make(sessions)
	near(t, "CTL after 42 days", days[41].Load.Chronic, 63.6544, 5e-5)
	near(t, "ATL after 7 days", days[6].Load.Acute, 66.0083, 5e-5)
	near(t, "TSB on the first day", days[0].Load.Balance, 0, 0)
	near(t, "TSB is that of the day before", days[42].Load.Balance, *days[41].Load.Chronic-*days[41].Load.Acute, 1e-12)
	near(t, "ratio", days[27].Load.Ratio, 1, 1e-12)
	if days[26].Load.Ratio != nil || days[41].Load.Monotony != nil {
		t.Error("a ratio before 28 days, or monotony without any deviation")
	}
}

// SCIENCE 7.
func TestFostersMonotony(t *testing.T) {
	if v, ok := periods.Monotony([]float64{60, 0, 90, 45, 0, 120, 30}); !ok || math.Abs(v-1.1011) > 5e-5 || math.Abs(345*v-379.87) > 5e-3 {
		t.Errorf("monotony %v, strain %v", v, 345*v)
	}
	for _, week := range [][]float64{{5, 5, 5, 5, 5, 5, 5}, {0, 0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6}, nil} {
		if v, ok := periods.Monotony(week); ok {
			t.Errorf("%v: %v", week, v)
		}
	}
}

func TestDaysReachFourWeeksPastTheLastSession(t *testing.T) {
	days := periods.Make([]periods.Session{judged(100, intensity.ClassEasy, 30, 0, 0), judged(110, intensity.ClassEasy, 30, 0, 0)})
	if len(days) != 11+28 || days[0].Number != 1 || days[10].Tail || !days[11].Tail || days[38].Day != 138 {
		t.Errorf("%d days, the last %+v", len(days), days[len(days)-1].Day)
	}
	if days[37].Month.Sessions != 1 || days[38].Month.Sessions != 0 || days[38].Month.Reason != periods.ReasonNoSessions {
		t.Errorf("the window 28 days after: %+v", days[38].Month)
	}
	if periods.Make(nil) != nil {
		t.Error("days without sessions")
	}
}

func TestTheLoadThatMostSessionsHaveIsTheModel(t *testing.T) {
	one := 1.0
	trimp, edwards := periods.Session{Trimp: &one, Edwards: &one, Lucia: &one}, periods.Session{Edwards: &one, Lucia: &one}
	for name, c := range map[string]struct {
		sessions []periods.Session
		want     periods.Model
		unknown  uint32
	}{
		"equal":              {[]periods.Session{trimp, trimp}, periods.ModelTrimp, 0},
		"rest set later":     {[]periods.Session{trimp, edwards}, periods.ModelEdwards, 0},
		"some without":       {[]periods.Session{trimp, {}}, periods.ModelTrimp, 1},
		"only by thresholds": {[]periods.Session{{Lucia: &one}}, periods.ModelLucia, 0},
		"none":               {[]periods.Session{{}}, periods.ModelNone, 1},
	} {
		l := periods.Make(c.sessions)[0].Load
		if l.Model != c.want || l.Unknown != c.unknown || (l.Chronic == nil) != (c.want == periods.ModelNone) {
			t.Errorf("%s: %+v", name, l)
		}
	}
}
