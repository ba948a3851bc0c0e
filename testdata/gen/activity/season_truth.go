package activity

import "time"

// Thirds is time with heart rate below the first threshold, between both, and
// from the second on.
type Thirds struct {
	Low, Moderate, High time.Duration
}

// thirdsOf divides the time that was booked per heart rate by thresholds of 82
// and 87 % of max HR (Haugen 2021).
func thirdsOf(a *Answer, hrMax float64) Thirds {
	var t Thirds
	for bpm, ms := range a.HRMs {
		d := time.Duration(ms) * time.Millisecond
		switch percent := 100 * float64(bpm) / hrMax; {
		case percent >= 87:
			t.High += d
		case percent >= 82:
			t.Moderate += d
		default:
			t.Low += d
		}
	}
	return t
}

func (t *Thirds) add(o Thirds) {
	t.Low += o.Low
	t.Moderate += o.Moderate
	t.High += o.High
}

// Total is all time with heart rate.
func (t Thirds) Total() time.Duration { return t.Low + t.Moderate + t.High }

// LowShare is the low share of all time with heart rate, and false when there
// is none.
func (t Thirds) LowShare() (float64, bool) {
	if t.Total() == 0 {
		return 0, false
	}
	return t.Low.Seconds() / t.Total().Seconds(), true
}

// Verdict is what has to be said about the session's intensity: ok, no_hr,
// too_short (below 5 minutes) or low_coverage (below 80 %).
func (s *SeasonSession) Verdict() string {
	switch total := s.Thirds.Total(); {
	case total == 0:
		return "no_hr"
	case total < 5*time.Minute:
		return "too_short"
	case total.Seconds() < 0.8*s.Timer().Seconds():
		return "low_coverage"
	default:
		return "ok"
	}
}

// Class is the session's class, "" when its verdict is not ok: hard from 5
// minutes or a tenth at high intensity or half above low; easy up to a tenth
// above low; else moderate.
func (s *SeasonSession) Class() string {
	if s.Verdict() != "ok" {
		return ""
	}
	t := s.Thirds
	total, above := t.Total().Seconds(), (t.Moderate + t.High).Seconds()
	switch {
	case t.High >= 5*time.Minute || t.High.Seconds() >= total/10 || above >= total/2:
		return "hard"
	case above <= total/10:
		return "easy"
	default:
		return "moderate"
	}
}

// ThirdsAt is the session's time in thirds, had max HR been another.
func (s *SeasonSession) ThirdsAt(hrMax float64) Thirds { return thirdsOf(&s.Sessions[0].Answer, hrMax) }

// Timer is how long the timer of the session ran.
func (s *SeasonSession) Timer() time.Duration {
	a := &s.Sessions[0].Answer
	return time.Duration(a.ElapsedMs-a.PausedMs) * time.Millisecond
}

// Add adds a session to what the week sums to.
func (w *SeasonWeek) Add(s *SeasonSession) {
	w.Total.add(s.Thirds)
	w.Timer += s.Timer()
	w.Count++
	if s.Thirds.Total() > 0 {
		w.WithHR++
	}
}

// Verdict is what has to be said about the week: ok from four fifths of the
// time at low intensity, borderline from three quarters, else too_hard; and
// insufficient_data where there is a Reason.
func (w *SeasonWeek) Verdict() string {
	low, _ := w.Total.LowShare()
	switch {
	case w.Reason() != "":
		return "insufficient_data"
	case low >= 0.8:
		return "ok"
	case low >= 0.75:
		return "borderline"
	default:
		return "too_hard"
	}
}

// Reason is why the week cannot be judged, "" when it can: four fifths of the
// time have to have heart rate, in three sessions, for 90 minutes.
func (w *SeasonWeek) Reason() string {
	total := w.Total.Total()
	switch {
	case w.Count == 0:
		return "no_sessions"
	case total == 0:
		return "no_hr"
	case total.Seconds() < 0.8*w.Timer.Seconds():
		return "low_coverage"
	case w.WithHR < 3:
		return "few_sessions"
	case total < 90*time.Minute:
		return "little_hr"
	default:
		return ""
	}
}
