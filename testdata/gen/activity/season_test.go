package activity_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tormoder/fit"

	"plodwatch/testdata/gen/activity"
)

func season(t *testing.T, seed uint64) *activity.Season {
	t.Helper()
	s, err := activity.NewSeason(time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC), seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeasonIsTheSameForTheSameSeed(t *testing.T) {
	one, two, other := season(t, 1), season(t, 1), season(t, 2)
	if len(one.Sessions) != len(two.Sessions) {
		t.Fatalf("%d and %d sessions", len(one.Sessions), len(two.Sessions))
	}
	differ := 0
	for i := 0; i < len(one.Sessions); i += 37 {
		a, b := encoded(t, &one.Sessions[i]), encoded(t, &two.Sessions[i])
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs in a second run", one.Sessions[i].Name)
		}
		if !bytes.Equal(a, encoded(t, &other.Sessions[i])) {
			differ++
		}
	}
	if differ == 0 {
		t.Error("another seed gives the same files")
	}
}

func encoded(t *testing.T, s *activity.SeasonSession) []byte {
	t.Helper()
	data, err := s.FIT()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSeasonFilesHoldTheirTruth(t *testing.T) {
	s := season(t, 1)
	for i := 0; i < len(s.Sessions); i += 13 {
		v := &s.Sessions[i]
		file, err := fit.Decode(bytes.NewReader(encoded(t, v)), fit.WithUnknownFields())
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		act, err := file.Activity()
		if err != nil {
			t.Fatal(err)
		}
		want := &v.Sessions[0].Answer
		var beats int64
		for _, r := range act.Records {
			if r.HeartRate != 0xff {
				beats += int64(r.HeartRate)
			}
		}
		if len(act.Records) != want.Samples || beats != want.HRSum {
			t.Errorf("%s: %d records, heart rates sum to %d, want %+v", v.Name, len(act.Records), beats, want)
		}
		asked := false
		for _, u := range file.UnknownFields {
			asked = asked || u.MesgNum == fit.MesgNumSession && u.FieldNum == 193
		}
		if asked != (v.RPE >= 0) {
			t.Errorf("%s: an answer about the effort is there: %t, effort %v", v.Name, asked, v.RPE)
		}
		if local := v.Sessions[0].Start.Add(time.Duration(v.Offset) * time.Second); local.Truncate(24*time.Hour) != v.Day {
			t.Errorf("%s begins at %v, that is not its day", v.Name, local)
		}
	}
}

func TestSeasonFilesAreThoseOfTheEncoder(t *testing.T) {
	s := season(t, 1)
	v := &s.Sessions[0]
	v.RPE = -1 // which the encoder cannot write
	v.Sessions[0].Samples[0].HR = max(v.Sessions[0].Samples[0].HR, 60)
	want, err := v.Activity.FIT()
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, v); !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from the encoder's %d", len(got), len(want))
	}
}

func TestSeasonIsWhatItsPhasesPromise(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		s := season(t, seed)
		if len(s.Weeks) != 110 || len(s.Sessions) < 450 || len(s.Days) < 690 {
			t.Fatalf("%d weeks, %d sessions, %d days", len(s.Weeks), len(s.Sessions), len(s.Days))
		}
		for i := range s.Weeks {
			checkWeek(t, s, i)
		}
		checkSessions(t, s)
	}
}

func checkWeek(t *testing.T, s *activity.Season, i int) {
	t.Helper()
	w := &s.Weeks[i]
	low, _ := w.Total.LowShare()
	verdict := w.Verdict()
	switch w.Phase {
	case activity.PhaseBase, activity.PhaseAfter:
		want := "ok"
		if i == 5 { // a run without heart rate
			want = "insufficient_data"
		}
		if verdict != want || w.Total.High > w.Total.Moderate {
			t.Errorf("week %d of %s: %s, %+v", i, w.Phase, verdict, w.Total)
		}
	case activity.PhaseBuild:
		if verdict != "ok" || w.Total.Moderate > w.Total.High {
			t.Errorf("week %d of %s: %s, %+v", i, w.Phase, verdict, w.Total)
		}
	case activity.PhaseOvertrained:
		if verdict != "too_hard" || low > 0.6 {
			t.Errorf("week %d of %s: %s, low share %.2f", i, w.Phase, verdict, low)
		}
	case activity.PhaseRest:
		if want := map[int]string{2: "insufficient_data", 3: "ok"}[w.Count]; verdict != want {
			t.Errorf("week %d of %s, %d sessions: %s, want %s", i, w.Phase, w.Count, verdict, want)
		}
	case activity.PhaseReturn2, activity.PhaseReturn3:
		if verdict != "ok" || w.Count > 5 {
			t.Errorf("week %d of %s: %s, %d sessions", i, w.Phase, verdict, w.Count)
		}
	}
	if high := w.Total.High.Seconds() / w.Timer.Seconds(); w.Phase == activity.PhaseReturn3 && (high < 0.05 || high > 0.1) {
		t.Errorf("week %d: share of hard time %.3f, want 5 to 10 %%", i, high)
	}
}

func checkSessions(t *testing.T, s *activity.Season) {
	t.Helper()
	breaches := 0
	verdicts := map[string]int{}
	for i := range s.Sessions {
		v := &s.Sessions[i]
		verdicts[v.Verdict()]++
		hrMax := v.Sessions[0].Answer.HRMax
		if v.Intent == "breach" {
			breaches++
			if hrMax < 160 || v.Phase != activity.PhaseReturn2 {
				t.Errorf("%s: the breach in %s reaches %d bpm", v.Name, v.Phase, hrMax)
			}
		} else if limit := min(120, 0.6*s.HRMaxOn(v.Day)); (v.Phase == activity.PhaseReturn2 || v.Phase == activity.PhaseRest) && float64(hrMax) >= limit {
			t.Errorf("%s in %s reaches %d bpm, the cap is %v", v.Name, v.Phase, hrMax, limit)
		}
		want := map[string]string{"easy": "easy", "long": "easy", "steady": "moderate", "intervals": "hard", "tempo": "hard", "walk": "easy", "breach": "hard"}[v.Intent]
		if v.Phase == activity.PhaseOvertrained && v.PlannedEasy {
			want = "" // meant easy, and mostly not
		}
		if got := v.Class(); got != want && want != "" && got != "" {
			t.Errorf("%s in %s, %s: class %s", v.Name, v.Phase, v.Intent, got)
		}
		if w := s.Weeks[v.Week].First; v.Day.Before(w) || v.Day.After(w.AddDate(0, 0, 6)) {
			t.Errorf("%s does not lie in its week of %s", v.Name, w.Format(time.DateOnly))
		}
	}
	if breaches != 1 || verdicts["no_hr"] != 1 || verdicts["too_short"] != 1 || verdicts["low_coverage"] != 1 {
		t.Errorf("%d breaches, verdicts %v", breaches, verdicts)
	}
}

func TestSeasonRefusesADayThatIsNoMonday(t *testing.T) {
	if _, err := activity.NewSeason(time.Date(2023, 1, 3, 0, 0, 0, 0, time.UTC), 1); err == nil {
		t.Error("no error")
	}
}
