package fitfile_test

import (
	"path/filepath"
	"slices"
	"testing"

	"plodwatch/ingest/fitfile"
	"plodwatch/schema"
)

func TestRecordsGoToTheSessionsOfTheirTime(t *testing.T) {
	s := activity()
	s.session(fitTime, 4000, 5).session(fitTime+4, 3500, 3).session(fitTime+10, 2000, 1)
	s.def(1, 20, f{253, 4, tUint32}, f{3, 1, tUint8}, f{5, 4, tUint32})
	for i := range 14 {
		s.data(1, fitTime+i, 100+i, 1000*i)
	}
	rec := taken(t, s.bytes())
	if len(rec.Sessions) != 3 {
		t.Fatalf("%d sessions, want 3", len(rec.Sessions))
	}
	for i, want := range []struct {
		sport    schema.Sport
		hr       []uint8
		distance []int32
	}{
		{"swimming", []uint8{100, 101, 102, 103}, []int32{0, 1000, 2000, 3000}},
		{"transition", []uint8{104, 105, 106, 107, 108}, []int32{1000, 2000, 3000, 4000, 5000}},
		{"running", []uint8{110, 111, 112}, []int32{2000, 3000, 4000}},
	} {
		got := rec.Sessions[i]
		if got.Sport != want.sport || !slices.Equal(got.Samples.HeartRate, want.hr) || !slices.Equal(got.Samples.DistanceCm, want.distance) {
			t.Errorf("session %d: %s %v %v, want %+v", i, got.Sport, got.Samples.HeartRate, got.Samples.DistanceCm, want)
		}
	}
	// 109 lies between two sessions, 113 after the last.
	if rec.Unassigned != 2 {
		t.Errorf("%d unassigned, want 2", rec.Unassigned)
	}
	wantFlags(t, rec, schema.FlagUnassignedRecords)
	if rec.Raw.HRRecords != 14 {
		t.Errorf("%d raw heart rates, want 14", rec.Raw.HRRecords)
	}
}

func TestEarliestOfOverlappingSessionsWins(t *testing.T) {
	s := activity()
	s.def(2, 18, f{2, 4, tUint32}, f{7, 4, tUint32}, f{5, 1, tEnum})
	s.data(2, fitTime+2, 4000, 2).data(2, fitTime, 4000, 1) // the later one first
	s.hr(fitTime, 100, 101, 102, 103, 104, 105)
	rec := taken(t, s.bytes())
	if a, b := rec.Sessions[0], rec.Sessions[1]; a.Sport != "running" ||
		!slices.Equal(a.Samples.HeartRate, []uint8{100, 101, 102, 103}) || !slices.Equal(b.Samples.HeartRate, []uint8{104, 105}) {
		t.Errorf("%s %v, %s %v", a.Sport, a.Samples.HeartRate, b.Sport, b.Samples.HeartRate)
	}
}

func TestASoleSessionTakesAllRecords(t *testing.T) {
	rec := taken(t, activity().session(fitTime+2, 1000, 1).hr(fitTime, 100, 101, 102, 103, 104, 105).bytes())
	wantHR(t, rec, 100, 101, 102, 103, 104, 105)
	if s := rec.Sessions[0]; s.StartMs != unixMs(fitTime) || s.EndMs != unixMs(fitTime+5) || rec.Unassigned != 0 {
		t.Errorf("from %d to %d, %d unassigned", s.StartMs, s.EndMs, rec.Unassigned)
	}
}

func TestSessionBeforeOrAfterItsRecords(t *testing.T) {
	before := taken(t, activity().session(fitTime, 3000, 1).hr(fitTime, 100, 101).bytes())
	after := taken(t, activity().hr(fitTime, 100, 101).session(fitTime, 3000, 1).bytes())
	for _, rec := range []*schema.Recording{before, after} {
		wantHR(t, rec, 100, 101)
		if s := rec.Sessions[0]; s.Sport != schema.SportRunning || s.EndMs-s.StartMs != 3000 {
			t.Errorf("%s of %d ms", s.Sport, s.EndMs-s.StartMs)
		}
	}
}

func TestWithoutASessionMessageOneIsMade(t *testing.T) {
	s := activity()
	s.def(4, 12, f{0, 1, tEnum}, f{1, 1, tEnum}).data(4, 2, 7)
	rec := taken(t, s.hr(fitTime, 100, 101, 102).bytes())
	wantHR(t, rec, 100, 101, 102)
	wantFlags(t, rec, schema.FlagSynthesisedSession)
	wantOutcome(t, rec, schema.OutcomeDecoded, schema.ReasonNoSession)
	got := rec.Sessions[0]
	if got.Sport != schema.SportCycling || got.SubSport != "road" || got.StartMs != unixMs(fitTime) || got.EndMs != unixMs(fitTime+2) {
		t.Errorf("%s %s from %d to %d", got.Sport, got.SubSport, got.StartMs, got.EndMs)
	}
	if !slices.Contains(got.Flags, schema.FlagSynthesisedSession) {
		t.Errorf("session flags %v", got.Flags)
	}
}

func TestASessionWithoutRecordsIsKept(t *testing.T) {
	rec := taken(t, activity().session(fitTime, 600_000, 5).bytes())
	if s := rec.Sessions[0]; s.Samples.Len() != 0 || s.EndMs-s.StartMs != 600_000 || s.Watch.ElapsedMs != 600_000 {
		t.Errorf("%+v", s)
	}
}

func TestAClockJumpIsCut(t *testing.T) {
	const far = 40 * 24 * 3600
	t.Run("without a known time the longest stretch stays", func(t *testing.T) {
		rec := taken(t, activity().hr(fitTime, 100, 101, 102).hr(fitTime+far, 90).bytes())
		wantHR(t, rec, 100, 101, 102)
		if rec.Unassigned != 1 || !slices.Contains(rec.Flags, schema.FlagClockJump) {
			t.Errorf("%d unassigned, flags %v", rec.Unassigned, rec.Flags)
		}
	})
	t.Run("what belongs to the session stays", func(t *testing.T) {
		rec := taken(t, activity().hr(fitTime+far, 90).session(fitTime+far, 1000, 1).hr(fitTime, 100, 101, 102).bytes())
		wantHR(t, rec, 90)
		if rec.Unassigned != 3 {
			t.Errorf("%d unassigned, want 3", rec.Unassigned)
		}
	})
	t.Run("a pause of days inside the session is a break", func(t *testing.T) {
		rec := taken(t, activity().session(fitTime, (far+1)*1000, 1).hr(fitTime, 100).hr(fitTime+far, 101).bytes())
		wantHR(t, rec, 100, 101)
		want := []schema.Interval{{FromMs: unixMs(fitTime), ToMs: unixMs(fitTime + far)}}
		if got := rec.Sessions[0].Breaks; !slices.Equal(got, want) {
			t.Errorf("breaks %v, want %v", got, want)
		}
	})
}

func TestTimerEvents(t *testing.T) {
	s := activity().session(fitTime, 9000, 1).hr(fitTime, 100, 101)
	s.timer(fitTime, 0).timer(fitTime+1, 1).timer(fitTime+2, 0).timer(fitTime+3, 4).timer(fitTime+4, 3)
	s.timer(fitTime+5, 0).timer(fitTime+7, 8).timer(fitTime+6, 9)
	s.def(3, 21, f{253, 4, tUint32}, f{0, 1, tEnum}, f{1, 1, tEnum}).data(3, fitTime+1, 9, 1) // a lap, not the timer
	var want []schema.TimerEvent
	for _, e := range []struct {
		at   int
		stop bool
	}{{0, false}, {1, true}, {2, false}, {3, true}, {5, false}, {6, true}, {7, true}} {
		want = append(want, schema.TimerEvent{AtMs: unixMs(fitTime + e.at), Stop: e.stop})
	}
	if got := taken(t, s.bytes()).Sessions[0].TimerEvents; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestRelativeClocks(t *testing.T) {
	const started = 5000 // seconds since the device was switched on
	records := func(s *stream) *stream { return s.hr(started, 100, 101).timer(started, 0) }
	want := []int64{unixMs(fitTime), unixMs(fitTime + 1)}
	for name, s := range map[string]*stream{
		"by the file's creation":  records(activity().session(started, 2000, 1)),
		"by the session's start":  records(newStream().fileID(4, 100).session(fitTime, 2000, 1)),
		"by a correlation before": records(correlated(newStream().fileID(4, 100)).session(started, 2000, 1)),
		"by a correlation after":  correlated(records(newStream().fileID(4, 100).session(started, 2000, 1))),
	} {
		t.Run(name, func(t *testing.T) {
			rec := taken(t, s.bytes())
			got := rec.Sessions[0]
			if !slices.Equal(got.Samples.TimeMs, want) || got.StartMs != want[0] {
				t.Errorf("times %v from %d, want %v", got.Samples.TimeMs, got.StartMs, want)
			}
			if len(got.TimerEvents) != 1 || got.TimerEvents[0].AtMs != want[0] {
				t.Errorf("timer events %v", got.TimerEvents)
			}
			wantFlags(t, rec, schema.FlagRelativeClock)
			if rec.Raw.FirstUnix != started+631065600 {
				t.Errorf("raw time %d is not as it stands", rec.Raw.FirstUnix)
			}
		})
	}
	t.Run("by nothing", func(t *testing.T) {
		refused(t, records(newStream().fileID(4, 100).session(started, 2000, 1)).bytes(),
			schema.OutcomeRejected, schema.ReasonRelativeClock)
	})
}

// correlated writes a timestamp_correlation: fitTime was 5000 s after power on.
func correlated(s *stream) *stream {
	s.def(4, 162, f{253, 4, tUint32}, f{1, 4, tUint32})
	return s.data(4, fitTime, 5000)
}

func TestLocalTime(t *testing.T) {
	for name, c := range map[string]struct {
		local  int
		offset int32
		source schema.OffsetSource
		flags  []schema.Flag
	}{
		"east":            {fitTime + 19800, 19800, schema.OffsetFile, nil},
		"west":            {fitTime - 12600, -12600, schema.OffsetFile, nil},
		"rounded down":    {fitTime + 3600 + 440, 3600, schema.OffsetFile, nil},
		"rounded up":      {fitTime - 3600 + 460, -2700, schema.OffsetFile, nil},
		"the same":        {fitTime, 0, schema.OffsetFile, nil},
		"14 hours":        {fitTime + 14*3600, 14 * 3600, schema.OffsetFile, nil},
		"14 hours west":   {fitTime - 14*3600, -14 * 3600, schema.OffsetFile, nil},
		"beyond 14 hours": {fitTime + 15*3600, 0, schema.OffsetNone, []schema.Flag{schema.FlagZoneRefused}},
		"years away":      {fitTime / 2, 0, schema.OffsetNone, []schema.Flag{schema.FlagZoneRefused}},
		"not given":       {0xffffffff, 0, schema.OffsetNone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := activity().session(fitTime, 2000, 1).hr(fitTime, 100)
			s.def(4, 34, f{253, 4, tUint32}, f{5, 4, tUint32}).data(4, fitTime, c.local)
			rec := taken(t, s.bytes())
			if got := rec.Sessions[0]; got.UTCOffsetS != c.offset || got.OffsetSource != c.source {
				t.Errorf("offset %d %q, want %d %q", got.UTCOffsetS, got.OffsetSource, c.offset, c.source)
			}
			wantFlags(t, rec, c.flags...)
		})
	}
}

func TestOtherFileTypesAreSkipped(t *testing.T) {
	for _, fileType := range []int{1, 2, 3, 5, 6, 9, 15, 20, 28, 32, 34, 44, 49, 255} {
		refused(t, typed(fileType).hr(fitTime, 100).bytes(), schema.OutcomeSkipped, schema.ReasonNotActivity)
	}
	refused(t, activity().bytes(), schema.OutcomeSkipped, schema.ReasonNoSamples)
}

func TestSettingsBehindAnActivityDoNotDisturb(t *testing.T) {
	data := append(activity().session(fitTime, 2000, 1).hr(fitTime, 100, 101).bytes(), typed(6).hr(fitTime, 55).session(fitTime, 9000, 2).bytes()...)
	rec := taken(t, data)
	if len(rec.Sessions) != 1 || rec.Sessions[0].Sport != schema.SportRunning {
		t.Fatalf("sessions %+v", rec.Sessions)
	}
	wantHR(t, rec, 100, 101)
	wantFlags(t, rec, schema.FlagChained)
}

func TestChainedActivitiesKeepTheirOwnRecords(t *testing.T) {
	data := append(activity().session(fitTime, 3000, 1).hr(fitTime, 100, 101, 102).bytes(),
		activity().session(fitTime+1, 3000, 2).hr(fitTime+1, 90, 91, 92).bytes()...)
	rec := taken(t, data)
	if len(rec.Sessions) != 2 {
		t.Fatalf("%d sessions, want 2", len(rec.Sessions))
	}
	if a, b := rec.Sessions[0].Samples.HeartRate, rec.Sessions[1].Samples.HeartRate; !slices.Equal(a, []uint8{100, 101, 102}) ||
		!slices.Equal(b, []uint8{90, 91, 92}) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestAthleteFacts(t *testing.T) {
	s := activity().session(fitTime, 2000, 1).hr(fitTime, 100)
	s.def(4, 3, f{8, 1, tUint8}, f{9, 1, tUint8}, f{10, 1, tUint8}, f{11, 1, tUint8}).data(4, 48, 191, 181, 186)
	want := func(t *testing.T, want schema.FileFacts) {
		t.Helper()
		if got := taken(t, s.bytes()).Sessions[0].Facts; got != want {
			t.Errorf("facts %+v, want %+v", got, want)
		}
	}
	want(t, schema.FileFacts{MaxHR: 191, MaxHRSource: "user_profile", RestHR: 48})
	s.def(4, 7, f{1, 1, tUint8}, f{2, 1, tUint8}).data(4, 193, 170)
	want(t, schema.FileFacts{MaxHR: 193, MaxHRSource: "zones_target", RestHR: 48, ThresholdHR: 170})
	s.def(4, 216, f{0, 2, tUint16}, f{1, 2, tUint16}, f{11, 1, tUint8}, f{12, 1, tUint8}, f{13, 1, tUint8}).data(4, 18, 0, 195, 50, 172)
	want(t, schema.FileFacts{MaxHR: 195, MaxHRSource: "time_in_zone", RestHR: 50, ThresholdHR: 172})
}

func TestWatchZones(t *testing.T) {
	ms := func(s *stream, values ...uint32) []byte {
		var out []byte
		for _, v := range values {
			out = s.order.AppendUint32(out, v)
		}
		return out
	}
	t.Run("of time_in_zone", func(t *testing.T) {
		s := activity().session(fitTime, 20_000, 1).hr(fitTime, 100)
		s.def(4, 216, f{0, 2, tUint16}, f{1, 2, tUint16}, f{2, 12, tUint32}, f{6, 3, tUint8})
		s.data(4, 19, 1, ms(s, 7, 8, 9), []byte{110, 150, 255})
		s.data(4, 18, 0, ms(s, 1000, 2000, 3000), []byte{120, 160, 255})
		s.def(5, 19, f{254, 2, tUint16}, f{2, 4, tUint32}, f{7, 4, tUint32})
		s.data(5, 0, fitTime, 10_000).data(5, 1, fitTime+10, 10_000)
		got := taken(t, s.bytes()).Sessions[0]
		if !slices.Equal(got.WatchZones.TimeMs, []int64{1000, 2000, 3000}) || !slices.Equal(got.WatchZones.BoundsBPM, []uint8{120, 160}) {
			t.Errorf("session %+v", got.WatchZones)
		}
		if len(got.Laps) != 2 || len(got.Laps[0].Zones.TimeMs) != 0 ||
			!slices.Equal(got.Laps[1].Zones.TimeMs, []int64{7, 8, 9}) || !slices.Equal(got.Laps[1].Zones.BoundsBPM, []uint8{110, 150}) {
			t.Errorf("laps %+v", got.Laps)
		}
	})
	t.Run("of the messages' own fields", func(t *testing.T) {
		s := activity().hr(fitTime, 100)
		s.def(2, 18, f{2, 4, tUint32}, f{7, 4, tUint32}, f{65, 12, tUint32}).data(2, fitTime, 5000, ms(s, 10, 20, 30))
		s.def(5, 19, f{2, 4, tUint32}, f{7, 4, tUint32}, f{57, 12, tUint32}).data(5, fitTime, 5000, ms(s, 1, 2, 0xffffffff))
		s.def(6, 8, f{254, 2, tUint16}, f{1, 1, tUint8}).data(6, 0, 130).data(6, 1, 155)
		got := taken(t, s.bytes()).Sessions[0]
		if !slices.Equal(got.WatchZones.TimeMs, []int64{10, 20, 30}) || !slices.Equal(got.WatchZones.BoundsBPM, []uint8{130, 155}) {
			t.Errorf("session %+v", got.WatchZones)
		}
		if len(got.Laps) != 1 || !slices.Equal(got.Laps[0].Zones.TimeMs, []int64{1, 2}) || got.Laps[0].Zones.BoundsBPM != nil {
			t.Errorf("laps %+v", got.Laps)
		}
	})
}

func TestEffortAndFeeling(t *testing.T) {
	for _, c := range []struct {
		feel, rpe int
		wantFeel  int16
		wantRPE   float32
		hasRPE    bool
	}{{75, 60, 75, 6, true}, {0, 0, 0, 0, true}, {255, 255, -1, 0, false}, {200, 200, -1, 0, false}} {
		s := activity().hr(fitTime, 100)
		s.def(2, 18, f{2, 4, tUint32}, f{192, 1, tUint8}, f{193, 1, tUint8}).data(2, fitTime, c.feel, c.rpe)
		got := taken(t, s.bytes()).Sessions[0]
		if got.Feel != c.wantFeel || got.RPE != c.wantRPE || got.HasRPE != c.hasRPE {
			t.Errorf("%+v: feel %d, rpe %v %v", c, got.Feel, got.RPE, got.HasRPE)
		}
	}
}

func TestSportsAndDevices(t *testing.T) {
	for _, c := range []struct {
		sport, sub int
		want       schema.Sport
		wantSub    string
	}{
		{1, 2, "running", "street"},
		{12, 42, "cross_country_skiing", "skate_skiing"},
		{21, 28, "e_biking", "e_bike_fitness"},
		{82, 0, "snorkeling", "generic"},
		{200, 200, "sport_200", "sub_sport_200"},
		{255, 255, "generic", ""},
	} {
		s := activity().hr(fitTime, 100)
		s.def(2, 18, f{2, 4, tUint32}, f{5, 1, tEnum}, f{6, 1, tEnum}).data(2, fitTime, c.sport, c.sub)
		got := taken(t, s.bytes()).Sessions[0]
		if got.Sport != c.want || got.SubSport != c.wantSub {
			t.Errorf("%d/%d: %s/%s, want %s/%s", c.sport, c.sub, got.Sport, got.SubSport, c.want, c.wantSub)
		}
		if got.Device != "garmin edge1000" {
			t.Errorf("device %q", got.Device)
		}
	}
	s := newStream()
	s.def(0, 0, f{0, 1, tEnum}, f{1, 2, tUint16}, f{8, 5, tString}).data(0, 4, 294, "PACE3")
	if got := taken(t, s.hr(fitTime, 100).bytes()).Sessions[0].Device; got != "coros PACE3" {
		t.Errorf("device %q of a name without terminator", got)
	}
	s = newStream()
	s.def(0, 0, f{0, 1, tEnum}, f{1, 2, tUint16}, f{8, 12, tString}).data(0, 4, 294, "\x1b[2J\a\u009bPACE\xff")
	if got := taken(t, s.hr(fitTime, 100).bytes()).Sessions[0].Device; got != "coros [2JPACE" {
		t.Errorf("device %q of a name with control characters", got)
	}
}

func TestHeartRateMessages(t *testing.T) {
	s := activity().session(fitTime, 20_000, 5)
	s.def(1, 20, f{253, 4, tUint32}, f{5, 4, tUint32})
	for i := range 8 {
		s.data(1, fitTime+i, 100*i)
	}
	// The anchor at fitTime + 0.5 s is at tick 0xfff00; then deltas: +1 s, +2 s
	// (half a second apart around it), a gap of 3 s to the last.
	s.def(4, 132, f{253, 4, tUint32}, f{0, 2, tUint16}, f{6, 1, tUint8}, f{9, 4, tUint32})
	s.data(4, fitTime, 16384, 120, 0xfff00)
	s.def(5, 132, f{6, 4, tUint8}, f{10, 6, tByte})
	ticks := []int{0xfff00 + 1024, 0xfff00 + 1536, 0xfff00 + 2048, 0xfff00 + 5120}
	packed := make([]byte, 6)
	for i, v := range ticks {
		v &= 0xfff
		packed[i*12/8] |= byte(v << (i * 12 % 8))
		packed[i*12/8+1] |= byte(v >> (8 - i*12%8))
	}
	s.data(5, []byte{130, 132, 141, 160}, packed)
	rec := taken(t, s.bytes())
	// At 1.5 s 130, at 2.0 s 132, at 2.5 s 141, at 5.5 s 160; gaps carry the
	// last value on every 250 ms. Interval (0, 1]: 120 at .5 .75 1.0. (1, 2]:
	// 120 at 1.25, 130 1.5, 130 1.75, 132 2.0 -> 128. (2, 3]: 132 2.25, 141 2.5
	// 2.75 3.0 -> 138.75. Then 141 up to 5.25, 160 at 5.5: (5, 6] has no later
	// heart rate that closes it.
	wantHR(t, rec, 0, 120, 128, 139, 141, 141, 0, 0)
	wantFlags(t, rec, schema.FlagHRFromMessages)
	if rec.Raw.HRMsgSamples != 5 || rec.Raw.HRAfterMerge != 5 || rec.Raw.HRRecords != 0 {
		t.Errorf("raw %+v", rec.Raw)
	}
}

func TestOutcomesOfRealFiles(t *testing.T) {
	dir := filepath.Join(tormoderDir(t), "testdata")
	for name, want := range map[string]struct {
		outcome  schema.Outcome
		reason   schema.Reason
		sessions int
	}{
		"fitsdk/Activity.fit":                                {schema.OutcomeDecoded, "", 1},
		"fitsdk/DeveloperData.fit":                           {schema.OutcomeSkipped, schema.ReasonNoSamples, 0},
		"fitsdk/MonitoringFile.fit":                          {schema.OutcomeSkipped, schema.ReasonNotActivity, 0},
		"fitsdk/Settings.fit":                                {schema.OutcomeSkipped, schema.ReasonNotActivity, 0},
		"fitsdk/WeightScaleMultiUser.fit":                    {schema.OutcomeSkipped, schema.ReasonNotActivity, 0},
		"fitsdk/WorkoutRepeatSteps.fit":                      {schema.OutcomeSkipped, schema.ReasonNotActivity, 0},
		"sram/Settings.fit":                                  {schema.OutcomeSkipped, schema.ReasonNotActivity, 0},
		"chained/activity-settings.fit":                      {schema.OutcomeDecoded, "", 1},
		"chained/activity-settings-nodata.fit":               {schema.OutcomeSalvaged, schema.ReasonTruncated, 1},
		"chained/activity-settings-corruptheader.fit":        {schema.OutcomeSalvaged, schema.ReasonCorrupt, 1},
		"chained/activity-activity-filecrc.fit":              {schema.OutcomeSalvaged, schema.ReasonCRC, 2},
		"corrupt/activity-filecrc.fit":                       {schema.OutcomeSalvaged, schema.ReasonCRC, 1},
		"corrupt/activity-unexpected-eof.fit":                {schema.OutcomeSalvaged, schema.ReasonTruncated, 1},
		"python-fitparse/antfs-dump.63.fit":                  {schema.OutcomeRejected, schema.ReasonRelativeClock, 0},
		"python-fitparse/compressed-speed-distance.fit":      {schema.OutcomeRejected, schema.ReasonRelativeClock, 0},
		"python-fitparse/sample-activity-indoor-trainer.fit": {schema.OutcomeDecoded, "", 1},
		"misc/mornindew-broken.fit":                          {schema.OutcomeDecoded, "", 1},
	} {
		rec, refusal := decode(t, readFile(t, filepath.Join(dir, filepath.FromSlash(name))))
		if rec == nil {
			t.Errorf("%s: %v", name, refusal)
			continue
		}
		if rec.Outcome != want.outcome || rec.Reason != want.reason || len(rec.Sessions) != want.sessions {
			t.Errorf("%s: %s %s with %d sessions, want %+v", name, rec.Outcome, rec.Reason, len(rec.Sessions), want)
		}
	}
}

func TestMergedHeartRatesEqualGarminsSDK(t *testing.T) {
	dir := samplesDir(t)
	for name, want := range map[string][2]int{ // records with a heart rate and their sum, Garmin FIT SDK 21.217
		"dtcooper+python-fitparse/tests-files-event_timestamp.fit":        {4376, 605138},
		"dtcooper+python-fitparse/tests-files-sample_mulitple_header.fit": {1773, 304358}, //nolint:misspell // its name
		"polyvertex+fitdecode/tests-files-garmin-fr935-cr.fit":            {7483, 638688},
	} {
		var got [2]int
		for _, bpm := range fitfile.Merged(readFile(t, filepath.Join(dir, filepath.FromSlash(name)))) {
			if bpm != 0 {
				got[0]++
				got[1] += int(bpm)
			}
		}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestAnElapsedTimeThatCannotBeIsNotBelieved(t *testing.T) {
	s := activity().hr(fitTime, 100, 101)
	s.def(2, 18, f{253, 4, tUint32}, f{2, 4, tUint32}, f{7, 4, tUint32}).data(2, fitTime+3600, fitTime, 0xfffffff0)
	if got := taken(t, s.bytes()).Sessions[0]; got.EndMs != unixMs(fitTime+3600) {
		t.Errorf("ends %d ms after its start", got.EndMs-got.StartMs)
	}
}

func TestRealRideWithManyPauses(t *testing.T) {
	rec := taken(t, readFile(t, filepath.Join(tormoderDir(t), "testdata/bpg/garmin.fit")))
	s := rec.Sessions[0]
	if s.Sport != schema.SportCycling || s.SubSport != "road" || s.Samples.Len() != 8823 || len(s.Laps) != 2 {
		t.Errorf("%s %s, %d samples, %d laps", s.Sport, s.SubSport, s.Samples.Len(), len(s.Laps))
	}
	pauses, stopped := 0, int64(0)
	var paused int64
	for _, e := range s.TimerEvents {
		switch {
		case e.Stop && stopped == 0:
			stopped = e.AtMs
		case !e.Stop && stopped != 0:
			pauses++
			paused += e.AtMs - stopped
			stopped = 0
		}
	}
	if pauses != 34 {
		t.Errorf("%d pauses, want 34", pauses)
	}
	if timer := s.Watch.ElapsedMs - paused; timer < s.Watch.TimerMs-35_000 || timer > s.Watch.TimerMs+35_000 {
		t.Errorf("timer %d ms by the pauses, the watch says %d", timer, s.Watch.TimerMs)
	}
	want := schema.WatchZones{
		TimeMs: []int64{0, 55260, 1009020, 4055119, 3490009, 179001, 0}, BoundsBPM: []uint8{93, 108, 126, 145, 167, 183},
		MaxHR: 183, RestHR: 55, ThresholdHR: 165,
	}
	sameZones(t, s.WatchZones, want)
	want.TimeMs = []int64{0, 51264, 628015, 1798995, 2028006, 162997, 0}
	sameZones(t, s.Laps[0].Zones, want)
	want.TimeMs = []int64{0, 3996, 381005, 2256124, 1462003, 16004, 0}
	sameZones(t, s.Laps[1].Zones, want)
	if s.Watch.AvgHR != 141 || s.Watch.MaxHR != 172 || s.UTCOffsetS != -5*3600 || s.Device != "garmin edge530" {
		t.Errorf("%+v %d %s", s.Watch, s.UTCOffsetS, s.Device)
	}
}

func sameZones(t *testing.T, got, want schema.WatchZones) {
	t.Helper()
	if !slices.Equal(got.TimeMs, want.TimeMs) || !slices.Equal(got.BoundsBPM, want.BoundsBPM) ||
		got.MaxHR != want.MaxHR || got.RestHR != want.RestHR || got.ThresholdHR != want.ThresholdHR {
		t.Errorf("zones %+v, want %+v", got, want)
	}
}

func TestRealRunWithLapZones(t *testing.T) {
	s := taken(t, readFile(t, filepath.Join(tormoderDir(t), "testdata/misc/mornindew-broken.fit"))).Sessions[0]
	if s.Sport != schema.SportRunning || s.Watch.TimerMs != 6855960 || s.Watch.DistanceCm != 1677334 || len(s.Laps) != 11 {
		t.Errorf("%s %+v, %d laps", s.Sport, s.Watch, len(s.Laps))
	}
	sum := make([]int64, 7)
	for i, lap := range s.Laps {
		if len(lap.Zones.TimeMs) != 7 {
			t.Fatalf("lap %d has %d zones", i, len(lap.Zones.TimeMs))
		}
		for z, ms := range lap.Zones.TimeMs {
			sum[z] += ms
		}
	}
	if want := []int64{24884, 183189, 515465, 3209070, 2849307, 62996, 0}; !slices.Equal(s.WatchZones.TimeMs, want) || !slices.Equal(sum, want) {
		t.Errorf("zones %v, laps add up to %v, want %v", s.WatchZones.TimeMs, sum, want)
	}
}

func TestRealMultisport(t *testing.T) {
	rec := taken(t, readFile(t, filepath.Join(tormoderDir(t), "testdata/me/activity-large-fenxi2-multisport.fit")))
	var sports []schema.Sport
	samples := 0
	for _, s := range rec.Sessions {
		sports = append(sports, s.Sport)
		samples += s.Samples.Len()
		if len(s.Laps) != 1 {
			t.Errorf("%s has %d laps, want its own", s.Sport, len(s.Laps))
		}
		if watch := s.Watch.ElapsedMs / 1000; int64(s.Samples.Len()) < watch*4/5 {
			t.Errorf("%s of %d s has %d samples only", s.Sport, watch, s.Samples.Len())
		}
	}
	want := []schema.Sport{"generic", "transition", "running", "transition", "running", "transition", "cycling"}
	if !slices.Equal(sports, want) {
		t.Errorf("sports %v, want %v", sports, want)
	}
	if rec.Unassigned > 2 || samples < 24220 {
		t.Errorf("%d unassigned, %d of %d samples", rec.Unassigned, samples, rec.Raw.Records)
	}
}
