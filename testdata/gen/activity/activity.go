// Package activity invents activities whose answers are known: every second of
// them is booked while it is written, by bookkeeping that shares nothing with
// the arithmetic it is there to test. The same seed gives the same bytes.
//
// It uses the encoder of github.com/tormoder/fit. That library's home in the
// product is the FIT decoder; writing test files with it is the one exception,
// and nothing of the product imports this package.
package activity

import (
	"math"
	"time"
)

// Activity is one recording with its answers.
type Activity struct {
	Name     string // of the file, without extension
	Offset   int    // seconds east of UTC
	Sessions []Session
}

// Session is one workout in one sport.
type Session struct {
	Sport    string
	Start    time.Time // whole seconds
	Elapsed  time.Duration
	Samples  []Sample
	Events   []Event
	Segments []int // indices of samples that begin a new GPX segment
	Answer   Answer
}

// Sample is one instant. HR 0 means that there is none.
type Sample struct {
	At         time.Duration // since the session's start
	HR         uint8
	SpeedMMps  uint16
	DistanceCm uint32
	AltitudeCm int32
	Cadence    uint8
	Lat, Lon   float64
}

// Event is a start or a stop of the timer.
type Event struct {
	At   time.Duration
	Stop bool
}

// Answer is where every millisecond of a session went. The parts sum to
// ElapsedMs, HRMs to ClassifiedMs.
type Answer struct {
	Sport        string           `json:"sport"`
	StartedAt    string           `json:"started_at"`
	UTCOffsetS   int              `json:"utc_offset_s"`
	Samples      int              `json:"samples"`
	HRSum        int64            `json:"hr_sum"`
	DistanceM    float64          `json:"distance_m"`
	ElapsedMs    int64            `json:"elapsed_ms"`
	PausedMs     int64            `json:"paused_ms"`
	GapMs        int64            `json:"gap_ms"`
	NoHRMs       int64            `json:"no_hr_ms"`
	RejectedHRMs int64            `json:"rejected_hr_ms"`
	ClassifiedMs int64            `json:"classified_ms"`
	HRMs         map[uint8]int64  `json:"hr_ms"`
	HRAvg        float64          `json:"hr_avg"`
	HRMax        uint8            `json:"hr_max"`
	HRFlags      map[string][]int `json:"hr_flags,omitempty"` // samples that do not count, by reason
}

// writer writes a session second by second and books where each goes.
type writer struct {
	s        Session
	now      time.Duration
	book     func(ms int64) // where time goes at the moment
	lastHold int64          // what the last sample was given
	metres   float64
	sampled  float64 // metres at the last sample
	skipped  float64 // metres that only a GPX segment's end hides
	held     float64 // speed of the last sample
}

func begin(sport string, start time.Time, offset int) *writer {
	w := &writer{s: Session{Sport: sport, Start: start}}
	w.s.Answer = Answer{
		Sport: sport, StartedAt: start.Format(time.RFC3339), UTCOffsetS: offset,
		HRMs: map[uint8]int64{}, HRFlags: map[string][]int{},
	}
	w.s.Events = append(w.s.Events, Event{At: 0})
	w.book = w.bookGap
	return w
}

func (w *writer) bookGap(ms int64)    { w.s.Answer.GapMs += ms }
func (w *writer) bookPaused(ms int64) { w.s.Answer.PausedMs += ms }

// hold lets time pass on the last sample.
func (w *writer) hold(d time.Duration) {
	w.lastHold += d.Milliseconds()
	w.book(d.Milliseconds())
	w.metres += w.held * d.Seconds()
	w.now += d
}

// sample writes one sample; why is "" when its heart rate counts.
func (w *writer) sample(hr uint8, why string, mmps uint16) {
	a := &w.s.Answer
	w.lastHold = 0
	switch why {
	case "":
		w.book = func(ms int64) {
			a.HRMs[hr] += ms
			a.ClassifiedMs += ms
		}
		a.HRMax = max(a.HRMax, hr)
	case "missing":
		w.book = func(ms int64) { a.NoHRMs += ms }
	default:
		w.book = func(ms int64) { a.RejectedHRMs += ms }
	}
	if why != "" {
		a.HRFlags[why] = append(a.HRFlags[why], len(w.s.Samples))
	}
	a.Samples++
	a.HRSum += int64(hr)
	w.held, w.sampled = float64(mmps)/1000, w.metres
	const metresPerDegree = 111195.0802
	seconds := w.now.Seconds()
	w.s.Samples = append(w.s.Samples, Sample{
		At: w.now, HR: hr, SpeedMMps: mmps, DistanceCm: uint32(math.Round(w.metres * 100)),
		AltitudeCm: 40_000 + int32(2000*math.Sin(seconds/600)), Cadence: 84 + uint8(int(seconds)/60%5),
		Lat: 47.05 + w.metres/metresPerDegree, Lon: 8.3,
	})
}

// run writes samples, one every so many seconds, around a heart rate.
func (w *writer) run(seconds, every int, bpm uint8, mmps uint16) {
	for i := 0; i < seconds; i += every {
		w.sample(bpm+uint8(i/7%4), "", mmps)
		w.hold(time.Duration(min(every, seconds-i)) * time.Second)
	}
}

// bad writes samples at 1 Hz whose heart rate does not count.
func (w *writer) bad(seconds int, hr uint8, why string, mmps uint16) {
	for range seconds {
		w.sample(hr, why, mmps)
		w.hold(time.Second)
	}
}

// pause stops the timer and starts it again.
func (w *writer) pause(seconds int) {
	w.stop(seconds)
	w.s.Events = append(w.s.Events, Event{At: w.now})
}

// stop stops the timer without a start: the next sample ends it.
func (w *writer) stop(seconds int) {
	w.s.Events = append(w.s.Events, Event{At: w.now, Stop: true})
	w.book, w.held = w.bookPaused, 0
	w.hold(time.Duration(seconds) * time.Second)
}

// hole writes nothing for longer than any gap limit, so the last sample's time
// is lost as well.
func (w *writer) hole(seconds int) {
	w.book(-w.lastHold)
	w.bookGap(w.lastHold)
	w.book = w.bookGap
	w.hold(time.Duration(seconds) * time.Second)
}

// segment begins a new GPX segment after so many seconds; the last sample of
// the old one counts nothing.
func (w *writer) segment(seconds int) {
	w.hole(seconds)
	w.skipped += w.metres - w.sampled
	w.s.Segments = append(w.s.Segments, len(w.s.Samples))
}

// end closes the session; a last sample at its very end stands for no time.
func (w *writer) end(lastSample bool) Session {
	if lastSample {
		last := w.s.Samples[len(w.s.Samples)-1]
		why := ""
		if last.HR == 0 {
			why = "missing"
		}
		w.sample(last.HR, why, last.SpeedMMps)
	}
	a := &w.s.Answer
	w.s.Elapsed = w.now
	a.ElapsedMs = w.now.Milliseconds()
	a.DistanceM = math.Round((w.metres-w.skipped)*100) / 100
	var beats int64
	for bpm, ms := range a.HRMs {
		beats += int64(bpm) * ms
		if ms == 0 {
			delete(a.HRMs, bpm)
		}
	}
	if a.ClassifiedMs > 0 {
		a.HRAvg = math.Round(float64(beats)/float64(a.ClassifiedMs)*1000) / 1000
	}
	return w.s
}
