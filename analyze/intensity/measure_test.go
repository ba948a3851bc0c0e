package intensity_test

import (
	"slices"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

func TestSamplesAreHeldForwardAndTheLastOneToTheEnd(t *testing.T) {
	s := at(20, 100, 0, 5, 12)
	copy(s.Samples.HeartRate, []uint8{100, 110, 120})
	m := intensity.Measure(s)
	equal(t, "100 bpm", m.HRMs[100], 5000)
	equal(t, "110 bpm", m.HRMs[110], 7000)
	equal(t, "120 bpm", m.HRMs[120], 8000)
	equal(t, "classified", m.Budget.ClassifiedMs, 20000)
	if want := []int64{5000, 7000, 8000}; !slices.Equal(m.WeightMs, want) {
		t.Errorf("weights %v, want %v", m.WeightMs, want)
	}
	if len(m.Excluded) != 0 {
		t.Errorf("excluded %v", m.Excluded)
	}
}

func TestTimeBeforeTheFirstSampleIsAGap(t *testing.T) {
	m := intensity.Measure(at(10, 100, 4, 5, 6, 7, 8, 9))
	equal(t, "gap", m.Budget.GapMs, 4000)
	equal(t, "classified", m.Budget.ClassifiedMs, 6000)
}

func TestAverageIsTimeWeighted(t *testing.T) {
	s := at(40, 150, 0, 1, 2, 30)
	copy(s.Samples.HeartRate, []uint8{180, 180, 140, 150})
	m := intensity.Measure(s)
	near(t, "average", m.HRAvg, (180*2+140*28+150*10)/40.0, 1e-9) // the samples' own mean is 162.5
	equal(t, "highest", m.HRMax, 180)
}

func TestGapLimit(t *testing.T) {
	start1Hz := every(1, 0, 99)
	smart := every(5, 0, 100)
	events := []schema.TimerEvent{{AtMs: start}}
	for _, c := range []struct {
		name    string
		seconds []int64
		events  []schema.TimerEvent
		hole    int64
		gapMs   int64
	}{
		{"1 Hz, 10 s", start1Hz, nil, 10, 0},
		{"1 Hz, 11 s", start1Hz, nil, 11, 11000},
		{"1 Hz with timer events, 11 s", start1Hz, events, 11, 0},
		{"1 Hz with timer events, 30 s", start1Hz, events, 30, 0},
		{"1 Hz with timer events, 31 s", start1Hz, events, 31, 31000},
		{"smart, 30 s", smart, nil, 30, 0},
		{"smart, 31 s", smart, nil, 31, 31000},
	} {
		last := c.seconds[len(c.seconds)-1]
		s := at(last+c.hole, 100, append(slices.Clone(c.seconds), last+c.hole)...)
		s.TimerEvents = c.events
		m := intensity.Measure(s)
		if m.Budget.GapMs != c.gapMs || m.Budget.ClassifiedMs != (last+c.hole)*1000-c.gapMs {
			t.Errorf("%s: %+v, want a gap of %d ms", c.name, m.Budget, c.gapMs)
		}
	}
}

func TestJitterAroundASecondIsStill1Hz(t *testing.T) {
	s := at(200, 100, every(1, 0, 99)...)
	for i := range s.Samples.TimeMs {
		s.Samples.TimeMs[i] += int64(i%7) * 40
	}
	s.Samples.TimeMs = append(s.Samples.TimeMs, start+115_000)
	s.Samples.HeartRate = append(s.Samples.HeartRate, 100)
	m := intensity.Measure(s)
	equal(t, "weight across 16 s", m.WeightMs[99], 0)
}

func stop(s int64) schema.TimerEvent { return schema.TimerEvent{AtMs: start + s*1000, Stop: true} }
func resume(s int64) schema.TimerEvent {
	return schema.TimerEvent{AtMs: start + s*1000}
}

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name    string
		endS    int64
		seconds []int64
		events  []schema.TimerEvent
		paused  int64
		gap     int64
	}{
		{"stop to start", 70, append(every(1, 0, 9), every(1, 60, 69)...), []schema.TimerEvent{resume(0), stop(10), resume(60)}, 50, 0},
		{"sample at the instant of the stop", 70, append(every(1, 0, 10), every(1, 60, 69)...), []schema.TimerEvent{resume(0), stop(10), resume(60)}, 50, 0},
		{"start before the next sample", 70, append(every(1, 0, 10), every(1, 60, 69)...), []schema.TimerEvent{stop(10), resume(55)}, 45, 0},
		{"next sample before any start", 70, append(every(1, 0, 10), every(1, 15, 69)...), []schema.TimerEvent{stop(10)}, 5, 0},
		{"one stop and hours of samples behind it", 7200, every(1, 0, 7199), []schema.TimerEvent{stop(10)}, 1, 0},
		{"stop after the last sample", 20, every(1, 0, 9), []schema.TimerEvent{stop(10)}, 10, 0},
		{"stop before the session", 10, every(1, 0, 9), []schema.TimerEvent{stop(-100)}, 0, 0},
		{"two stops, one start", 70, append(every(1, 0, 9), every(1, 60, 69)...), []schema.TimerEvent{stop(10), stop(12), resume(60)}, 50, 0},
		{"stop and start at once", 20, every(1, 0, 19), []schema.TimerEvent{stop(10), resume(10)}, 0, 0},
		{"start and stop out of order", 70, append(every(1, 0, 9), every(1, 60, 69)...), []schema.TimerEvent{resume(60), stop(10)}, 50, 0},
		{"a sample straight after the stop", 70, append(append(every(1, 0, 10), 12), every(1, 60, 69)...), []schema.TimerEvent{stop(11), resume(60)}, 49, 0},
		{"a stop that a sample ended, and another one", 900, append(append(every(1, 0, 9), every(1, 50, 249)...), every(1, 850, 899)...), []schema.TimerEvent{resume(0), stop(10), stop(250), resume(850)}, 640, 0},
		{"a hole without any stop", 70, append(every(1, 0, 9), every(1, 60, 69)...), []schema.TimerEvent{resume(0)}, 0, 51},
	} {
		s := at(c.endS, 100, c.seconds...)
		s.TimerEvents = c.events
		b := intensity.Measure(s).Budget
		if b.PausedMs != c.paused*1000 || b.GapMs != c.gap*1000 || b.ClassifiedMs != (c.endS-c.paused-c.gap)*1000 {
			t.Errorf("%s: %+v, want %d s paused and a gap of %d s", c.name, b, c.paused, c.gap)
		}
	}
}

func TestTheRestOfAnIntervalWithAPauseCounts(t *testing.T) {
	s := at(400, 100, 0, 5, 310, 315)
	s.EndMs = start + 320_000
	s.TimerEvents = []schema.TimerEvent{stop(8), resume(300)}
	m := intensity.Measure(s)
	if want := []int64{5000, 3000 + 10_000, 5000, 5000}; !slices.Equal(m.WeightMs, want) {
		t.Errorf("weights %v, want %v", m.WeightMs, want)
	}
}

func TestNoTimeIsCountedAcrossABreak(t *testing.T) {
	s := at(30, 100, every(1, 0, 29)...)
	s.Breaks = []schema.Interval{{FromMs: start + 9000, ToMs: start + 14_000}}
	m := intensity.Measure(s)
	equal(t, "gap", m.Budget.GapMs, 5000)
	equal(t, "classified", m.Budget.ClassifiedMs, 25_000)
	want := []intensity.Excluded{{Interval: s.Breaks[0], Cause: intensity.CauseGap}}
	if !slices.Equal(m.Excluded, want) {
		t.Errorf("excluded %v, want %v", m.Excluded, want)
	}
}

func TestAPauseWinsOverABreak(t *testing.T) {
	s := at(70, 100, append(every(1, 0, 9), every(1, 60, 69)...)...)
	s.TimerEvents = []schema.TimerEvent{stop(20), resume(50)}
	s.Breaks = []schema.Interval{{FromMs: start + 9000, ToMs: start + 60_000}}
	b := intensity.Measure(s).Budget
	equal(t, "paused", b.PausedMs, 30_000)
	equal(t, "gap", b.GapMs, 21_000)
	equal(t, "classified", b.ClassifiedMs, 19_000)
}

func TestHeartRatesThatDoNotCount(t *testing.T) {
	s := at(8, 0, every(1, 0, 7)...)
	copy(s.Samples.HeartRate, []uint8{0, 255, 29, 30, 230, 231, 254, 100})
	// far apart, so that nothing is a spike
	for i := range s.Samples.TimeMs {
		s.Samples.TimeMs[i] = start + int64(i)*25_000
	}
	s.EndMs = start + 200_000
	m := intensity.Measure(s)
	want := []schema.HRFlag{
		schema.HRMissing, schema.HRMissing, schema.HROutOfRange, schema.HROK,
		schema.HROK, schema.HROutOfRange, schema.HROutOfRange, schema.HROK,
	}
	if !slices.Equal(m.HRFlags, want) {
		t.Errorf("flags %v, want %v", m.HRFlags, want)
	}
	equal(t, "no heart rate", m.Budget.NoHRMs, 50_000)
	equal(t, "rejected", m.Budget.RejectedHRMs, 75_000)
	equal(t, "classified", m.Budget.ClassifiedMs, 75_000)
	equal(t, "highest", m.HRMax, 230)
}

func TestNoHeartRateColumn(t *testing.T) {
	s := at(100, 0, every(1, 0, 99)...)
	s.Samples.HeartRate = nil
	m := intensity.Measure(s)
	equal(t, "no heart rate", m.Budget.NoHRMs, 100_000)
	equal(t, "flags", len(m.HRFlags), 100)
	equal(t, "coverage", m.Budget.Coverage(), 0)
	r := derive(t, s, schema.Settings{HRMax: 190})
	equal(t, "verdict", r.Verdict, intensity.VerdictNoHR)
}

func TestSpikes(t *testing.T) {
	for _, c := range []struct {
		name     string
		stepS    int64
		hr       []uint8
		rejected []int // indices
	}{
		{"one second up", 1, []uint8{120, 121, 150, 122, 122}, []int{2}},
		{"three seconds down", 1, []uint8{120, 121, 90, 85, 92, 122, 122}, []int{2, 3, 4}},
		{"back after five seconds", 1, []uint8{120, 180, 181, 182, 181, 180, 121, 121}, []int{1, 2, 3, 4, 5}},
		{"back after six seconds", 1, []uint8{120, 180, 181, 182, 181, 180, 180, 121, 121}, nil},
		{"a step that holds", 1, []uint8{90, 90, 130, 131, 131, 132, 132, 132, 133, 133, 133, 134, 134, 134}, nil},
		{"ten beats in a second", 1, []uint8{120, 130, 120, 130, 120}, nil},
		{"eleven beats in a second", 1, []uint8{120, 131, 120, 120}, []int{1}},
		{"forty beats in five seconds", 5, []uint8{120, 160, 120, 120}, nil},
		{"missing values inside", 1, []uint8{120, 170, 0, 171, 121}, []int{1, 3}},
		{"two spikes", 1, []uint8{120, 170, 120, 60, 121}, []int{1, 3}},
		{"at the end, with nothing to come back to", 1, []uint8{120, 120, 170}, nil},
	} {
		s := at(int64(len(c.hr))*c.stepS, 0, every(c.stepS, 0, int64(len(c.hr)-1)*c.stepS)...)
		copy(s.Samples.HeartRate, c.hr)
		m := intensity.Measure(s)
		var got []int
		for i, f := range m.HRFlags {
			if f == schema.HRSpike {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.rejected) {
			t.Errorf("%s: rejected %v, want %v", c.name, got, c.rejected)
		}
		equal(t, c.name+": rejected time", m.Budget.RejectedHRMs, int64(len(c.rejected))*c.stepS*1000)
	}
}

func TestExcludedStretchesAreMergedByCause(t *testing.T) {
	s := at(100, 120, append(every(1, 0, 19), every(1, 60, 99)...)...)
	s.TimerEvents = []schema.TimerEvent{stop(20), resume(55)}
	for i := 5; i < 8; i++ {
		s.Samples.HeartRate[i] = 0
	}
	s.Samples.HeartRate[8], s.Samples.HeartRate[9] = 240, 240
	s.Samples.HeartRate[70-40] = 170
	m := intensity.Measure(s)
	want := []intensity.Excluded{
		{Interval: schema.Interval{FromMs: start + 5000, ToMs: start + 8000}, Cause: intensity.CauseNoHR},
		{Interval: schema.Interval{FromMs: start + 8000, ToMs: start + 10_000}, Cause: intensity.CauseOutOfRange},
		{Interval: schema.Interval{FromMs: start + 20_000, ToMs: start + 55_000}, Cause: intensity.CausePaused},
		{Interval: schema.Interval{FromMs: start + 70_000, ToMs: start + 71_000}, Cause: intensity.CauseSpike},
	}
	if !slices.Equal(m.Excluded, want) {
		t.Errorf("excluded %v, want %v", m.Excluded, want)
	}
}

func TestTheSame1HzActivityGivesTheSameSecondsFromBothFormats(t *testing.T) {
	// FIT: whole seconds and timer events; GPX: none, and a fraction of a second
	// in every time.
	fit := session(stretch{300, 120}, stretch{200, 150}, stretch{100, 171})
	fit.TimerEvents = []schema.TimerEvent{resume(0), stop(600)}
	gpx := session(stretch{300, 120}, stretch{200, 150}, stretch{100, 171})
	gpx.StartMs += 179
	gpx.EndMs += 179
	for i := range gpx.Samples.TimeMs {
		gpx.Samples.TimeMs[i] += 179
	}
	if a, b := intensity.Measure(fit), intensity.Measure(gpx); a.HRMs != b.HRMs || a.Budget != b.Budget {
		t.Errorf("FIT %+v, GPX %+v", a.Budget, b.Budget)
	}
}

func TestObservedMax(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *schema.Session
		want float64
	}{
		{"five seconds at the top", session(stretch{60, 160}, stretch{5, 168}, stretch{60, 160}), 168},
		{"three seconds at the top", session(stretch{60, 160}, stretch{3, 168}, stretch{60, 160}), 160 + 8*3.0/5},
		{"below 150", session(stretch{600, 149}), 0},
		{"above 220", session(stretch{600, 221}), 0},
		{"too short a stretch", session(stretch{20, 0}, stretch{9, 180}, stretch{20, 0}), 0},
		{"long enough a stretch", session(stretch{20, 0}, stretch{11, 180}, stretch{20, 0}), 180},
		{"recorded too sparsely", at(300, 180, every(3, 0, 299)...), 0},
	} {
		near(t, c.name, intensity.Measure(c.s).ObservedHRMax, c.want, 1e-9)
	}
}

func TestMeasureLeavesTheSessionAlone(t *testing.T) {
	s := at(70, 100, append(every(1, 0, 9), every(1, 60, 69)...)...)
	s.TimerEvents = []schema.TimerEvent{resume(60), stop(10)} // out of order
	s.Breaks = []schema.Interval{{FromMs: start + 65_000, ToMs: start + 66_000}, {FromMs: start, ToMs: start + 1000}}
	events, breaks, hr := slices.Clone(s.TimerEvents), slices.Clone(s.Breaks), slices.Clone(s.Samples.HeartRate)
	intensity.Measure(s)
	if !slices.Equal(events, s.TimerEvents) || !slices.Equal(breaks, s.Breaks) || !slices.Equal(hr, s.Samples.HeartRate) {
		t.Error("Measure changed its input")
	}
}
