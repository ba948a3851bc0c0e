package intensity_test

import (
	"slices"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

func TestHRMaxPrecedence(t *testing.T) {
	file := schema.FileFacts{MaxHR: 188}
	forty := schema.Settings{BirthYear: 1984} // the session is in 2024: Tanaka 180
	for _, c := range []struct {
		name     string
		facts    schema.FileFacts
		set      schema.Settings
		observed float64
		want     float64
		source   intensity.HRMaxSource
	}{
		{"setting over all", file, schema.Settings{HRMax: 192.5, BirthYear: 1984}, 199, 192.5, intensity.HRMaxSetting},
		{"file over observed", file, forty, 199, 188, intensity.HRMaxFile},
		{"observed over age when higher", schema.FileFacts{}, forty, 185.2, 185.2, intensity.HRMaxObserved},
		{"age when observed is lower", schema.FileFacts{}, forty, 171, 180, intensity.HRMaxAge},
		{"observed without age", schema.FileFacts{}, schema.Settings{}, 171, 171, intensity.HRMaxObserved},
		{"observed below 150", schema.FileFacts{}, schema.Settings{}, 149.9, 0, intensity.HRMaxNone},
		{"observed above 220", schema.FileFacts{}, schema.Settings{}, 220.1, 0, intensity.HRMaxNone},
		{"age alone", schema.FileFacts{}, forty, 0, 180, intensity.HRMaxAge},
		{"impossible age", schema.FileFacts{}, schema.Settings{BirthYear: 2030}, 0, 0, intensity.HRMaxNone},
		{"impossible maximum in the file", schema.FileFacts{MaxHR: 255}, schema.Settings{}, 0, 0, intensity.HRMaxNone},
		{"nothing", schema.FileFacts{}, schema.Settings{}, 0, 0, intensity.HRMaxNone},
	} {
		s := session(stretch{600, 140})
		s.Facts = c.facts
		r := intensity.Derive(intensity.Measure(s), s, intensity.Inputs{Settings: c.set, ObservedHRMax: c.observed})
		if r.HRMaxSource != c.source {
			t.Errorf("%s: source %s, want %s", c.name, r.HRMaxSource, c.source)
		}
		near(t, c.name, r.HRMax, c.want, 1e-9)
	}
}

func TestAgeIsThatOfTheSessionsYear(t *testing.T) {
	s := session(stretch{600, 140})
	m := intensity.Measure(s)
	in := intensity.Inputs{Settings: schema.Settings{BirthYear: 1984}, Year: 2014}
	near(t, "at thirty", intensity.Derive(m, s, in).HRMax, 187, 1e-9)
}

func TestHRRestPrecedence(t *testing.T) {
	s := session(stretch{600, 140})
	equal(t, "none", derive(t, s, schema.Settings{}).HRRestSource, "none")
	s.Facts.RestHR = 48
	r := derive(t, s, schema.Settings{})
	near(t, "file", r.HRRest, 48, 0)
	equal(t, "file", r.HRRestSource, "file")
	r = derive(t, s, schema.Settings{HRRest: 44})
	near(t, "setting", r.HRRest, 44, 0)
	equal(t, "setting", r.HRRestSource, "setting")
}

func TestZoneModelFallsBackWhenItsInputsAreMissing(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   schema.Settings
		model schema.ZoneModel
		first float64
		zones int
	}{
		{"default", schema.Settings{HRMax: 200}, schema.ZoneHRMax5, 100, 5},
		{"reserve", schema.Settings{HRMax: 200, HRRest: 50, ZoneModel: schema.ZoneHRR5}, schema.ZoneHRR5, 125, 5},
		{"reserve without rest", schema.Settings{HRMax: 200, ZoneModel: schema.ZoneHRR5}, schema.ZoneHRMax5, 100, 5},
		{"reserve upside down", schema.Settings{HRMax: 60, HRRest: 70, ZoneModel: schema.ZoneHRR5}, schema.ZoneHRMax5, 30, 5},
		{"Friel", schema.Settings{LTHR: 160, ZoneModel: schema.ZoneFriel7}, schema.ZoneFriel7, 136, 6},
		{"Friel without threshold", schema.Settings{HRMax: 200, ZoneModel: schema.ZoneFriel7}, schema.ZoneHRMax5, 100, 5},
		{"custom", schema.Settings{CustomBounds: []float64{110, 150}, ZoneModel: schema.ZoneCustom}, schema.ZoneCustom, 110, 2},
		{"custom out of order", schema.Settings{HRMax: 200, CustomBounds: []float64{150, 110}, ZoneModel: schema.ZoneCustom}, schema.ZoneHRMax5, 100, 5},
		{"custom without bounds", schema.Settings{HRMax: 200, ZoneModel: schema.ZoneCustom}, schema.ZoneHRMax5, 100, 5},
		{"nothing", schema.Settings{ZoneModel: schema.ZoneFriel7}, "", 0, 0},
	} {
		r := derive(t, session(stretch{600, 140}), c.set)
		equal(t, c.name+": model", r.ZoneModel, c.model)
		equal(t, c.name+": zones", len(r.ZoneBounds), c.zones)
		if c.zones > 0 {
			near(t, c.name+": first bound", r.ZoneBounds[0], c.first, 1e-9)
			equal(t, c.name+": cells", len(r.ZoneMs), c.zones+1)
		}
	}
}

func TestThreeZonesAt190(t *testing.T) {
	r := derive(t, session(stretch{100, 155}, stretch{200, 156}, stretch{300, 165}, stretch{400, 166}), schema.Settings{HRMax: 190})
	near(t, "VT1", r.VT1, 155.8, 1e-9)
	near(t, "VT2", r.VT2, 165.3, 1e-9)
	equal(t, "source", r.ThresholdSource, intensity.ThresholdHRMax)
	equal(t, "low", r.LowMs, 100_000)
	equal(t, "moderate", r.ModerateMs, 500_000)
	equal(t, "high", r.HighMs, 400_000)
	near(t, "low share", given(t, "low share", r.LowShare), 0.1, 1e-12)
	near(t, "moderate share", given(t, "moderate share", r.ModerateShare), 0.5, 1e-12)
	near(t, "high share", given(t, "high share", r.HighShare), 0.4, 1e-12)
}

func TestThresholdSources(t *testing.T) {
	for _, c := range []struct {
		set    schema.Settings
		v1, v2 float64
		source intensity.ThresholdSource
	}{
		{schema.Settings{HRMax: 190, LTHR: 170, VT1: 140, VT2: 165}, 140, 165, intensity.ThresholdSetting},
		{schema.Settings{HRMax: 190, LTHR: 170, VT1: 140}, 153, 170, intensity.ThresholdLTHR},
		{schema.Settings{HRMax: 190, LTHR: 170, VT1: 165, VT2: 140}, 153, 170, intensity.ThresholdLTHR},
		{schema.Settings{HRMax: 190, VT2: 140}, 155.8, 165.3, intensity.ThresholdHRMax},
		{schema.Settings{}, 0, 0, intensity.ThresholdNone},
	} {
		r := derive(t, session(stretch{600, 140}), c.set)
		equal(t, "source", r.ThresholdSource, c.source)
		near(t, "VT1", r.VT1, c.v1, 1e-9)
		near(t, "VT2", r.VT2, c.v2, 1e-9)
	}
}

func TestMeets8020OnTheBound(t *testing.T) {
	exact := derive(t, session(stretch{2400, 120}, stretch{600, 160}), schema.Settings{HRMax: 190})
	if exact.Meets8020 == nil || !*exact.Meets8020 {
		t.Error("80 % low does not meet 80/20")
	}
	under := derive(t, session(stretch{2399, 120}, stretch{601, 160}), schema.Settings{HRMax: 190})
	if under.Meets8020 == nil || *under.Meets8020 {
		t.Error("less than 80 % low meets 80/20")
	}
}

func TestVerdicts(t *testing.T) {
	set := schema.Settings{HRMax: 190}
	for _, c := range []struct {
		name string
		s    *schema.Session
		set  schema.Settings
		want intensity.Verdict
	}{
		{"good", session(stretch{600, 120}), set, intensity.VerdictOK},
		{"five minutes", session(stretch{300, 120}), set, intensity.VerdictOK},
		{"four minutes", session(stretch{240, 120}), set, intensity.VerdictTooShort},
		{"no heart rate", session(stretch{600, 0}), set, intensity.VerdictNoHR},
		{"all of it impossible", session(stretch{600, 240}), set, intensity.VerdictNoHR},
		{"no maximum", session(stretch{600, 120}), schema.Settings{}, intensity.VerdictNoHRMax},
		{"thresholds without a maximum", session(stretch{600, 120}), schema.Settings{LTHR: 165}, intensity.VerdictOK},
		{"four fifths covered", session(stretch{480, 120}, stretch{120, 0}), set, intensity.VerdictOK},
		{"less covered", session(stretch{479, 120}, stretch{121, 0}), set, intensity.VerdictLowCoverage},
		{"nothing at all", &schema.Session{}, set, intensity.VerdictNoHR},
	} {
		r := derive(t, c.s, c.set)
		equal(t, c.name, r.Verdict, c.want)
		judged := r.Meets8020 != nil && r.Class != intensity.ClassNone
		equal(t, c.name+": judged", judged, c.want == intensity.VerdictOK)
	}
}

func TestUnknownIsNeverZeroPercent(t *testing.T) {
	r := derive(t, session(stretch{3600, 0}), schema.Settings{HRMax: 190, HRRest: 50})
	for name, p := range map[string]*float64{
		"low": r.LowShare, "moderate": r.ModerateShare, "high": r.HighShare, "above 60 %": r.Above60Share,
		"polarization": r.Polarization, "trimp": r.Trimp, "edwards": r.Edwards, "lucia": r.Lucia,
		"efficiency": r.Efficiency, "decoupling": r.Decoupling, "watch": r.WatchDeltaShare,
	} {
		if p != nil {
			t.Errorf("%s = %v without heart rate", name, *p)
		}
	}
	if r.CapOK != nil || r.Meets8020 != nil || r.Label != intensity.LabelNoData || r.ZoneMs != nil {
		t.Errorf("judged without heart rate: %+v", r)
	}
}

func TestLowCoverageKeepsTheFigures(t *testing.T) {
	r := derive(t, session(stretch{1800, 120}, stretch{1800, 0}), schema.Settings{HRMax: 190})
	near(t, "low share", given(t, "low share", r.LowShare), 1, 0)
	equal(t, "low", r.LowMs, 1_800_000)
	equal(t, "label", r.Label, intensity.LabelNoData)
	if r.CapOK == nil || *r.CapOK {
		t.Error("half an hour over the cap is over it, whatever the rest was")
	}
	under := derive(t, session(stretch{1800, 100}, stretch{1800, 0}), schema.Settings{HRMax: 190})
	if under.CapOK != nil {
		t.Errorf("cap_ok = %v although half the session was not seen", *under.CapOK)
	}
}

func TestLabelNeedsHalfAnHour(t *testing.T) {
	equal(t, "half an hour", derive(t, session(stretch{1800, 120}), schema.Settings{HRMax: 190}).Label, intensity.LabelBase)
	equal(t, "a second less", derive(t, session(stretch{1799, 120}), schema.Settings{HRMax: 190}).Label, intensity.LabelNoData)
}

func TestAbove60IsUnrounded(t *testing.T) {
	// 0.6 x 183 = 109.8: 109 is below, 110 above; 0.6 x 182 = 109.2 would round to 109.
	r := derive(t, session(stretch{300, 109}, stretch{300, 110}), schema.Settings{HRMax: 182})
	equal(t, "above 60 % of 182", r.Above60Ms, 300_000)
	near(t, "share", given(t, "share", r.Above60Share), 0.5, 0)
	r = derive(t, session(stretch{300, 113}, stretch{300, 114}), schema.Settings{HRMax: 190})
	equal(t, "above 60 % of 190", r.Above60Ms, 300_000)
}

func TestCapFigures(t *testing.T) {
	set := schema.Settings{HRMax: 190} // cap 114
	for _, c := range []struct {
		name          string
		s             *schema.Session
		over, longest int64
		ok            bool
	}{
		{"below", session(stretch{1800, 113}), 0, 0, true},
		{"the first two minutes are left out", session(stretch{120, 150}, stretch{1680, 100}), 0, 0, true},
		{"from then on it counts", session(stretch{130, 150}, stretch{1670, 100}), 10_000, 10_000, true},
		{"on the cap is over", session(stretch{600, 100}, stretch{60, 114}, stretch{600, 100}), 60_000, 60_000, true},
		{"a minute and a second", session(stretch{600, 100}, stretch{61, 114}, stretch{600, 100}), 61_000, 61_000, false},
		{"two per cent of two hours", session(stretch{600, 100}, stretch{144, 114}, stretch{6456, 100}), 144_000, 144_000, true},
		{"more than two per cent", session(stretch{600, 100}, stretch{145, 114}, stretch{6455, 100}), 145_000, 145_000, false},
		{"two stretches", session(stretch{600, 100}, stretch{30, 120}, stretch{60, 100}, stretch{25, 120}, stretch{600, 100}), 55_000, 30_000, true},
		{"missing heart rate ends a stretch", session(stretch{600, 100}, stretch{30, 120}, stretch{5, 0}, stretch{25, 120}, stretch{600, 100}), 55_000, 30_000, true},
	} {
		r := derive(t, c.s, set)
		equal(t, c.name+": over", r.OverCapMs, c.over)
		equal(t, c.name+": longest", r.LongestOverCapMs, c.longest)
		if r.CapOK == nil || *r.CapOK != c.ok {
			t.Errorf("%s: cap_ok %v, want %v", c.name, r.CapOK, c.ok)
		}
	}
}

func TestAPauseEndsAStretchOverTheCap(t *testing.T) {
	s := at(1000, 120, append(every(1, 0, 400), every(1, 700, 999)...)...)
	s.TimerEvents = []schema.TimerEvent{stop(401), resume(700)}
	r := derive(t, s, schema.Settings{HRMax: 190})
	equal(t, "over", r.OverCapMs, 581_000)
	equal(t, "longest", r.LongestOverCapMs, 300_000)
}

func TestLoadsNeedTheirInputs(t *testing.T) {
	s := session(stretch{3600, 150})
	r := derive(t, s, schema.Settings{HRMax: 190, HRRest: 50})
	near(t, "Banister", given(t, "trimp", r.Trimp), 108.0954, 0.00005)
	near(t, "Edwards", given(t, "edwards", r.Edwards), 180, 1e-9)
	near(t, "Lucia", given(t, "lucia", r.Lucia), 60, 1e-9)
	r = derive(t, s, schema.Settings{HRMax: 190})
	if r.Trimp != nil {
		t.Errorf("Banister without resting heart rate: %v", *r.Trimp)
	}
	r = derive(t, s, schema.Settings{LTHR: 160})
	if r.Edwards != nil || r.Trimp != nil || r.Lucia == nil || r.Above60Share != nil || r.CapOK != nil {
		t.Errorf("without a maximum: %+v", r)
	}
}

// steadyRun is an hour at 3.0 m/s and 140 bpm, then one at 2.95 m/s and 147
// bpm, after ten minutes of settling in.
func steadyRun() *schema.Session {
	s := session(stretch{600, 130}, stretch{3600, 140}, stretch{3600, 147})
	s.Samples.SpeedMMps = column(s, func(i int) int32 {
		if i < 4200 {
			return 3000
		}
		return 2950
	})
	return s
}

func TestDecouplingOfASteadyRun(t *testing.T) {
	r := derive(t, steadyRun(), schema.Settings{HRMax: 190})
	near(t, "decoupling", given(t, "decoupling", r.Decoupling), 6.3492, 0.00005)
	near(t, "efficiency", given(t, "efficiency", r.Efficiency), 60*(3.0*4200+2.95*3600)/(130*600+140*3600+147*3600), 1e-9)
}

func TestDecouplingGate(t *testing.T) {
	set := schema.Settings{HRMax: 190}
	for name, change := range map[string]func(s *schema.Session, set *schema.Settings){
		"a ride":             func(s *schema.Session, _ *schema.Settings) { s.Sport = schema.SportCycling },
		"too much above low": func(_ *schema.Session, set *schema.Settings) { set.VT1, set.VT2 = 145, 160 },
		"uneven speed": func(s *schema.Session, _ *schema.Settings) {
			for i := range s.Samples.SpeedMMps {
				s.Samples.SpeedMMps[i] += int32(i/300%2) * 900
			}
		},
		"mostly standing": func(s *schema.Session, _ *schema.Settings) {
			for i := 2600; i < len(s.Samples.SpeedMMps); i++ {
				s.Samples.SpeedMMps[i] = 0
			}
		},
		"no speed": func(s *schema.Session, _ *schema.Settings) { s.Samples.SpeedMMps = nil },
	} {
		s, changed := steadyRun(), set
		change(s, &changed)
		if r := derive(t, s, changed); r.Decoupling != nil {
			t.Errorf("%s: decoupling %v", name, *r.Decoupling)
		}
	}
}

func TestWatchAgreement(t *testing.T) {
	s := session(stretch{100, 90}, stretch{600, 120}, stretch{300, 150}, stretch{50, 185}, stretch{50, 195})
	s.WatchZones = schema.WatchZones{
		BoundsBPM: []uint8{95, 114, 133, 152, 171, 190},
		TimeMs:    []int64{100_000, 0, 590_000, 310_000, 0, 50_000, 50_000},
	}
	r := derive(t, s, schema.Settings{HRMax: 200}) // our own bounds play no part
	if want := []int64{0, 0, 10_000, -10_000, 0, 0, 0}; !slices.Equal(r.WatchDeltaMs, want) {
		t.Errorf("difference %v, want %v", r.WatchDeltaMs, want)
	}
	near(t, "share", given(t, "share", r.WatchDeltaShare), 20.0/1100, 1e-12)
	equal(t, "inferred", r.WatchInferred, false)
}

func TestWatchAgreementFoldsTheHighestCells(t *testing.T) {
	s := session(stretch{100, 120}, stretch{50, 185}, stretch{50, 195})
	s.WatchZones = schema.WatchZones{
		BoundsBPM: []uint8{95, 114, 133, 152, 171, 190},
		TimeMs:    []int64{0, 0, 100_000, 0, 0, 100_000},
	}
	r := derive(t, s, schema.Settings{})
	if want := make([]int64, 6); !slices.Equal(r.WatchDeltaMs, want) {
		t.Errorf("difference %v, want %v", r.WatchDeltaMs, want)
	}
}

func TestWatchBoundsAreInferredFromAStatedMaximumOnly(t *testing.T) {
	s := session(stretch{100, 120}, stretch{50, 185}, stretch{50, 195})
	s.WatchZones.TimeMs = []int64{0, 0, 100_000, 0, 0, 50_000, 50_000}
	r := derive(t, s, schema.Settings{HRMax: 190})
	near(t, "share", given(t, "share", r.WatchDeltaShare), 0, 0)
	equal(t, "inferred", r.WatchInferred, true)
	if r = derive(t, s, schema.Settings{BirthYear: 1984}); r.WatchDeltaShare != nil {
		t.Errorf("compared with bounds from a guessed maximum: %v", *r.WatchDeltaShare)
	}
}

func TestWatchCellsThatMeanSomethingElseAreNotCompared(t *testing.T) {
	for name, zones := range map[string]schema.WatchZones{
		"five cells":     {TimeMs: []int64{1, 2, 3, 4, 5}, BoundsBPM: []uint8{95, 114, 133, 152}},
		"too few bounds": {TimeMs: []int64{1, 2, 3, 4, 5, 6, 7}, BoundsBPM: []uint8{95, 114}},
		"all zero":       {TimeMs: make([]int64, 7), BoundsBPM: []uint8{95, 114, 133, 152, 171, 190}},
		"falling bounds": {TimeMs: []int64{1, 2, 3, 4, 5, 6, 7}, BoundsBPM: []uint8{95, 94, 133, 152, 171, 190}},
		"nothing":        {},
	} {
		s := session(stretch{600, 120})
		s.WatchZones = zones
		if r := derive(t, s, schema.Settings{HRMax: 190}); r.WatchDeltaShare != nil {
			t.Errorf("%s: %v", name, *r.WatchDeltaShare)
		}
	}
}

func TestAnotherMaximumNeedsNoSamples(t *testing.T) {
	s := session(stretch{1200, 120}, stretch{1200, 150}, stretch{600, 172})
	m := intensity.Measure(s)
	for _, hrMax := range []float64{170, 183, 190, 200.5} {
		r := intensity.Derive(m, s, intensity.Inputs{Settings: schema.Settings{HRMax: hrMax}})
		var total int64
		for _, ms := range r.ZoneMs {
			total += ms
		}
		equal(t, "zones", total, m.Budget.ClassifiedMs)
		equal(t, "three zones", r.LowMs+r.ModerateMs+r.HighMs, m.Budget.ClassifiedMs)
	}
}
