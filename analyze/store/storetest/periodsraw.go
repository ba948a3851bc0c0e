package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// outing is what a session says to the views over days and weeks, as raw
// numbers: the tests below compute everything else from these by themselves.
type outing struct {
	athlete schema.AthleteID
	id      schema.SessionID
	day     schema.Day
	startMs int64
	sport   schema.Sport

	timerMs, pausedMs, classifiedMs, movingMs int64
	distance                                  *float64 // m
	rpe                                       *float64

	verdict                         intensity.Verdict
	class                           intensity.Class
	low, moderate, high             int64 // ms
	vt1                             float64
	longest                         int64
	efforts                         int
	nearMs, overMs                  int64
	nearM, overM                    float64
	pace                            float64
	paceLow, paceModerate, paceHigh int64
	trimp, edwards, lucia           *float64
}

const minuteMs = 60_000

// easyRun is an hour at low intensity, all of it judged.
func easyRun(athlete schema.AthleteID, day schema.Day, minutes int64) outing {
	return outing{
		athlete: athlete, day: day, sport: schema.SportRunning, timerMs: minutes * minuteMs, classifiedMs: minutes * minuteMs,
		movingMs: minutes * minuteMs, verdict: intensity.VerdictOK, class: intensity.ClassEasy, low: minutes * minuteMs, vt1: 150,
	}
}

// split is a session of whole minutes at each intensity, classed by the rules
// of SCIENCE 5 written down once more.
func split(athlete schema.AthleteID, day schema.Day, low, moderate, high int64) outing {
	o := easyRun(athlete, day, low+moderate+high)
	o.low, o.moderate, o.high = low*minuteMs, moderate*minuteMs, high*minuteMs
	total := float64(low + moderate + high)
	switch above := float64(moderate + high); {
	case high >= 5 || float64(high) >= 0.10*total || above >= 0.50*total:
		o.class = intensity.ClassHard
	case above > 0.10*total:
		o.class = intensity.ClassModerate
	}
	return o
}

// put stores outings as the analyzer would and makes the days.
func put(t *testing.T, s *store.Store, list []outing) {
	t.Helper()
	rows := make([]analyze.SessionRow, len(list))
	athletes := make(map[schema.AthleteID]bool)
	for i := range list {
		list[i].complete(i)
		rows[i] = list[i].row()
		athletes[list[i].athlete] = true
	}
	write(t, s, rows...)
	remakeDays(t, s, athletes)
}

func remakeDays(t *testing.T, s *store.Store, athletes map[schema.AthleteID]bool) {
	t.Helper()
	names := make([]schema.AthleteID, 0, len(athletes))
	for name := range athletes {
		names = append(names, name)
	}
	if _, err := s.Refresh(t.Context(), names); err != nil {
		t.Fatal(err)
	}
}

// complete gives the i-th outing its identity and a start on its local day.
func (o *outing) complete(i int) {
	if o.startMs == 0 {
		o.startMs = int64(o.day)*86_400_000 + 8*3_600_000
	}
	o.id = schema.SessionIDOf(o.athlete, schema.ExportIDOf(fmt.Appendf(nil, "outing %d", i)), 0)
}

// row is the outing as the analyzer hands it to the store.
func (o *outing) row() analyze.SessionRow {
	elapsed := o.timerMs + o.pausedMs
	env := &schema.Envelope{
		Athlete: o.athlete, ID: o.id, DecoderVersion: 1,
		Session: schema.Session{Sport: o.sport, StartMs: o.startMs, EndMs: o.startMs + elapsed, Feel: -1},
	}
	m := &intensity.Measured{MovingMs: o.movingMs, Budget: intensity.Budget{
		ElapsedMs: elapsed, PausedMs: o.pausedMs, ClassifiedMs: o.classifiedMs, NoHRMs: o.timerMs - o.classifiedMs,
	}}
	if o.distance != nil {
		m.DistanceM, m.HasDistance = *o.distance, true
	}
	if o.rpe != nil {
		env.Session.RPE, env.Session.HasRPE = float32(*o.rpe), true
	}
	return analyze.SessionRow{
		Env: env, Measured: m, Inputs: analyze.Inputs{LocalDay: o.day}, AnalyzedMs: 1000, Version: 1000,
		Result: intensity.Result{
			RulesVersion: intensity.RulesVersion, Verdict: o.verdict, Class: o.class, Label: intensity.LabelOther,
			LowMs: o.low, ModerateMs: o.moderate, HighMs: o.high, VT1: o.vt1, VT2: o.vt1 + 10,
			LongestOverVT1Ms: o.longest, Efforts: o.efforts, NearVT1Ms: o.nearMs, NearVT1M: o.nearM,
			OverVT1MovingMs: o.overMs, OverVT1M: o.overM, ThresholdPace: o.pace, PaceLowMs: o.paceLow,
			PaceModerateMs: o.paceModerate, PaceHighMs: o.paceHigh, Trimp: o.trimp, Edwards: o.edwards, Lucia: o.lucia,
		},
	}
}

// kind says what is known of a random athlete's sessions.
type kind struct {
	name       schema.AthleteID
	first      schema.Day
	sessions   int
	hr         bool // heart rate in most sessions
	thresholds bool // intensity known where there is heart rate
	rest       bool // resting heart rate known: trimp
	maxHR      bool // edwards
	pace       float64
}

// random makes the sessions of an athlete of a kind.
func (k kind) random(r *rand.Rand) []outing {
	var list []outing
	day := k.first
	for range k.sessions {
		o := outing{
			athlete: k.name, day: day, sport: schema.SportRunning, timerMs: int64(r.IntN(100))*minuteMs + 60_000 + int64(r.IntN(900)),
			pausedMs: int64(r.IntN(3) * 90_000), verdict: intensity.VerdictNoHR,
		}
		o.startMs = int64(day)*86_400_000 + int64(r.IntN(86_400_000))
		if r.IntN(4) == 0 {
			o.sport = schema.SportCycling
		}
		o.movingMs = o.timerMs * 9 / 10
		if r.IntN(6) > 0 {
			o.distance = pointer(float64(o.timerMs) / 1000 * (2 + 2*r.Float64()))
		}
		if r.IntN(2) == 0 {
			o.rpe = pointer(float64(r.IntN(11)))
		}
		if k.hr && r.IntN(8) > 0 {
			k.heartRate(r, &o)
		}
		if k.pace > 0 && o.sport == schema.SportRunning {
			o.pace = k.pace
			o.paceLow, o.paceModerate = o.movingMs*int64(r.IntN(80))/100, o.movingMs/10
			o.paceHigh = o.movingMs - o.paceLow - o.paceModerate
		}
		list = append(list, o)
		day += schema.Day(r.IntN(5)) //nolint:gosec // small; 0 is a second session on the day
		if r.IntN(40) == 0 {
			day += 45
		}
	}
	return list
}

// heartRate fills what a session with heart rate says.
func (k kind) heartRate(r *rand.Rand, o *outing) {
	o.classifiedMs = o.timerMs * int64(50+r.IntN(51)) / 100
	o.verdict = intensity.VerdictNoHRMax
	if k.maxHR {
		o.edwards = pointer(r.Float64() * 200)
	}
	if k.rest {
		o.trimp = pointer(r.Float64() * 150)
	}
	if !k.thresholds {
		return
	}
	o.vt1, o.lucia = 150, pointer(r.Float64()*180)
	o.low = o.classifiedMs * int64(45+r.IntN(56)) / 100
	o.moderate = (o.classifiedMs - o.low) * int64(r.IntN(101)) / 100
	o.high = o.classifiedMs - o.low - o.moderate
	o.efforts, o.longest = r.IntN(5), o.moderate/2
	if o.sport == schema.SportRunning && o.distance != nil {
		o.nearMs, o.overMs = int64(r.IntN(20))*minuteMs, o.moderate
		o.nearM, o.overM = float64(o.nearMs)/1000*2.8, float64(o.overMs)/1000*(2.6+r.Float64())
	}
	if r.IntN(8) == 0 {
		o.verdict = intensity.VerdictLowCoverage
		return
	}
	o.verdict = intensity.VerdictOK
	o.class = []intensity.Class{intensity.ClassEasy, intensity.ClassModerate, intensity.ClassHard}[r.IntN(3)]
}

func pointer[T any](v T) *T { return &v }
