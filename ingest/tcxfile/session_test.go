package tcxfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

func pause(stop, start int) []schema.TimerEvent {
	return []schema.TimerEvent{{AtMs: at(stop), Stop: true}, {AtMs: at(start)}}
}

func TestPausesBecomeTimerEvents(t *testing.T) {
	slow := func(from, to int) string { // every four seconds
		var b strings.Builder
		for i := from; i < to; i += 4 {
			b.WriteString(hr(i, 120))
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		laps []string
		want []schema.TimerEvent
	}{
		"one track":                 {[]string{lap(hrs(0, 60))}, nil},
		"two tracks in a lap":       {[]string{lap(hrs(0, 60), hrs(160, 200))}, pause(60, 160)},
		"three":                     {[]string{lap(hrs(0, 60), hrs(64, 80), hrs(100, 120))}, append(pause(60, 64), pause(80, 100)...)},
		"an empty one between":      {[]string{lap(hrs(0, 60), "", hrs(160, 200))}, pause(60, 160)},
		"no time between":           {[]string{lap(hrs(0, 60), hrs(60, 90))}, nil},
		"the later first":           {[]string{lap(hrs(160, 200), hrs(0, 60))}, nil},
		"touching, smart recording": {[]string{lap(slow(0, 200), slow(202, 300))}, nil},
		"smart recording":           {[]string{lap(slow(0, 200), slow(240, 300))}, pause(197, 240)},
		"two laps":                  {[]string{lap(hrs(0, 60)), lap(hrs(60, 90))}, nil},
		"a hole between laps":       {[]string{lap(hrs(0, 60)), lap(hrs(160, 190))}, nil},
		"a hole in a track":         {[]string{lap(hrs(0, 60) + hrs(160, 190))}, nil},
		// The lap's timer tells, marked or not.
		"a pause between laps":           {[]string{timed(0, 60, hrs(0, 60)), timed(160, 30, hrs(160, 190))}, pause(60, 160)},
		"a pause that is not marked":     {[]string{timed(0, 89, hrs(0, 60)+hrs(160, 190))}, pause(60, 160)},
		"two, rounded":                   {[]string{timed(0, 99.4, hrs(0, 60)+hrs(80, 90)+hrs(95, 125))}, append(pause(60, 80), pause(90, 95)...)},
		"one marked, one not":            {[]string{timed(0, 99, hrs(0, 60), hrs(80, 90)+hrs(95, 125))}, append(pause(60, 80), pause(90, 95)...)},
		"a hole while the timer ran":     {[]string{timed(0, 189, hrs(0, 60)+hrs(160, 190))}, nil},
		"a pause and a longer hole":      {[]string{timed(0, 219, hrs(0, 60)+hrs(80, 160)+hrs(210, 240))}, nil},
		"a pause and a shorter hole":     {[]string{timed(0, 189, hrs(0, 60)+hrs(110, 160)+hrs(180, 240))}, pause(60, 110)},
		"a hole as long as no pause":     {[]string{timed(0, 209, hrs(0, 60)+hrs(160, 240))}, nil},
		"samples while it was stopped":   {[]string{timed(0, 140, hrs(0, 60)+hrs(160, 260))}, pause(60, 160)},
		"a timer of nothing":             {[]string{timed(0, 0, hrs(0, 60)+hrs(160, 190))}, nil},
		"a lap that begins too early":    {[]string{timed(-3000, 60, hrs(0, 60)+hrs(160, 190))}, nil},
		"the next lap does not say when": {[]string{timed(0, 60, hrs(0, 60)), lap(hrs(160, 190))}, pause(60, 160)},
	} {
		s := decodeText(t, doc(activity(c.laps...))).Sessions[0]
		if diff := cmp.Diff(c.want, s.TimerEvents); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if len(s.Breaks) > 0 {
			t.Errorf("%s: breaks %v", name, s.Breaks)
		}
	}
}

func TestLapsAndSummary(t *testing.T) {
	head := func(start int, timer, metres float64, kcal, avg, highest int) string {
		return fmt.Sprintf(`<Lap StartTime=%q><TotalTimeSeconds>%g</TotalTimeSeconds><DistanceMeters>%g</DistanceMeters><MaximumSpeed>3</MaximumSpeed><Calories>%d</Calories>
<AverageHeartRateBpm><Value>%d</Value></AverageHeartRateBpm><MaximumHeartRateBpm><Value>%d</Value></MaximumHeartRateBpm><Track>`, clock(start), timer, metres, kcal, avg, highest)
	}
	const tail = "</Track></Lap>"
	two := activity(head(0, 60.25, 201.234, 11, 120, 130)+hrs(0, 60)+tail, head(61, 30, 100, 5, 150, 171)+hrs(61, 92)+tail)
	s := decodeText(t, doc(two)).Sessions[0]
	want := []schema.Lap{
		{StartMs: at(0), EndMs: at(61), ElapsedMs: 61000, TimerMs: 60250, DistanceCm: 20123, AvgHR: 120, MaxHR: 130},
		{StartMs: at(61), EndMs: at(91), ElapsedMs: 30000, TimerMs: 30000, DistanceCm: 10000, AvgHR: 150, MaxHR: 171},
	}
	if diff := cmp.Diff(want, s.Laps); diff != "" {
		t.Error(diff)
	}
	sum := schema.WatchSummary{TimerMs: 90250, DistanceCm: 30123, CaloriesKcal: 16, AvgHR: 130, MaxHR: 171}
	if diff := cmp.Diff(sum, s.Watch); diff != "" {
		t.Error(diff)
	}
	// What one lap lacks is not given for the whole.
	partly := activity(head(0, 60, 200, 11, 120, 130)+hrs(0, 60)+tail, timed(60, 30, hrs(60, 90)))
	if got := decodeText(t, doc(partly)).Sessions[0].Watch; got != (schema.WatchSummary{TimerMs: 90000}) {
		t.Errorf("summary %+v", got)
	}
	// Nothing is summed up when the file ends early; complete laps stay.
	cut := decodeText(t, strings.TrimSuffix(doc(two), tail+"</Activity></Activities></TrainingCenterDatabase>")).Sessions[0]
	if cut.Watch != (schema.WatchSummary{}) || len(cut.Laps) != 1 || cut.Samples.Len() != 91 {
		t.Errorf("cut: summary %+v, %d laps, %d samples", cut.Watch, len(cut.Laps), cut.Samples.Len())
	}
	// Values of a lap's neighbours are not the lap's.
	odd := `<Activity><Training><QuickWorkoutResults><TotalTimeSeconds>9</TotalTimeSeconds></QuickWorkoutResults></Training><Lap><TotalTimeSeconds>bad</TotalTimeSeconds><Calories>-5</Calories>
<Extensions><LX><DistanceMeters>7</DistanceMeters></LX></Extensions><Track>` + hr(0, 100) + `</Track></Lap></Activity>`
	rec := decodeText(t, doc(odd))
	if got := rec.Sessions[0]; rec.DroppedValues != 2 || got.Laps[0].TimerMs != 0 || got.Laps[0].DistanceCm != 0 || got.Laps[0].StartMs != at(0) {
		t.Errorf("dropped %d, laps %+v", rec.DroppedValues, got.Laps)
	}
}

func TestActivitiesAreSessions(t *testing.T) {
	ride := strings.Replace(activity(lap(hrs(100, 130))), "Running", "Biking", 1)
	multi := `<MultiSportSession><Id>` + clock(0) + `</Id><FirstSport>` + strings.Replace(activity(lap(point(0, "<DistanceMeters>0</DistanceMeters>")+point(1, "<DistanceMeters>500</DistanceMeters>"))), "Running", "Swimming", 1) + `</FirstSport>` +
		`<NextSport><Transition StartTime="` + clock(2) + `"><TotalTimeSeconds>3</TotalTimeSeconds><Track>` + hrs(2, 5) + `</Track></Transition>` + ride + `</NextSport>` +
		`<NextSport>` + activity(lap(point(200, "<DistanceMeters>510</DistanceMeters>")+point(201, "<DistanceMeters>520</DistanceMeters>"))) + `</NextSport></MultiSportSession>`
	for name, c := range map[string]struct {
		body    string
		sports  []schema.Sport
		samples []int
	}{
		"one":               {activity(lap(hrs(0, 10))), []schema.Sport{"running"}, []int{10}},
		"two that touch":    {activity(lap(hrs(0, 10))) + activity(lap(hrs(10, 20))), []schema.Sport{"running", "running"}, []int{10, 10}},
		"another sport":     {activity(lap(hrs(0, 10))) + ride, []schema.Sport{"running", "cycling"}, []int{10, 30}},
		"an empty one":      {activity() + activity(lap(hrs(0, 10))) + "<Activity/>", []schema.Sport{"running"}, []int{10}},
		"course beside":     {activity(lap(hrs(0, 10))) + "</Activities><Courses><Course><Lap/><Track>" + hrs(50, 60) + "</Track></Course></Courses><Activities>", []schema.Sport{"running"}, []int{10}},
		"multisport":        {multi, []schema.Sport{"swimming", "transition", "cycling", "running"}, []int{2, 3, 30, 2}},
		"only its summary":  {activity(timed(0, 1800)), []schema.Sport{"running"}, []int{0}},
		"track without lap": {activity("<Track>" + hrs(0, 5) + "</Track>"), []schema.Sport{"running"}, []int{5}},
	} {
		rec := decodeText(t, doc(c.body))
		var sports []schema.Sport
		var samples []int
		for i := range rec.Sessions {
			sports = append(sports, rec.Sessions[i].Sport)
			samples = append(samples, rec.Sessions[i].Samples.Len())
		}
		if !slices.Equal(sports, c.sports) || !slices.Equal(samples, c.samples) || rec.Outcome != schema.OutcomeDecoded {
			t.Errorf("%s: %v with %v samples, %s %s", name, sports, samples, rec.Outcome, rec.Reason)
		}
	}
	legs := decodeText(t, doc(multi)).Sessions
	if d := legs[3].Samples.DistanceCm; !slices.Equal(d, []int32{1000, 2000}) {
		t.Errorf("distances of the last part %v, want those since its start", d)
	}
	if legs[1].Laps[0].TimerMs != 3000 {
		t.Errorf("laps of the transition %+v", legs[1].Laps)
	}
	indoor := decodeText(t, doc(activity(timed(0, 1800)))).Sessions[0]
	if indoor.StartMs != at(0) || indoor.EndMs != at(1800) || indoor.Watch.TimerMs != 1800_000 || len(indoor.Laps) != 1 || indoor.Laps[0].EndMs != at(1800) {
		t.Errorf("session without samples: %+v", indoor)
	}
}

func TestTimesAreSortedAndMerged(t *testing.T) {
	rec := decodeText(t, doc(activity(lap(hr(5, 105)+hr(1, 101)+hr(3, 103)+point(3, "<Watts>200</Watts>")+hr(3, 133)+hr(9, 109)))))
	s := rec.Sessions[0]
	if !slices.Equal(s.Samples.TimeMs, []int64{at(1), at(3), at(5), at(9)}) || !slices.Equal(s.Samples.HeartRate, []uint8{101, 133, 105, 109}) || s.Samples.PowerW[1] != 200 {
		t.Errorf("times %v, heart rate %v, power %v", s.Samples.TimeMs, s.Samples.HeartRate, s.Samples.PowerW)
	}
	if !slices.Equal(s.Flags, []schema.Flag{schema.FlagBackwardTimes, schema.FlagDuplicateTimes}) || rec.Raw.Records != 6 {
		t.Errorf("flags %v, %d records", s.Flags, rec.Raw.Records)
	}
}

func TestAClockJumpCutsTheSession(t *testing.T) {
	later := func(text string) string { return strings.ReplaceAll(text, "2025-05-01", "2025-05-09") }
	rec := decodeText(t, doc(activity(timed(0, 59, hrs(0, 30), hrs(50, 80)), later(timed(0, 59, hrs(0, 30), hrs(60, 80))))))
	if len(rec.Sessions) != 2 {
		t.Fatalf("%d sessions", len(rec.Sessions))
	}
	for i, want := range []int{60, 50} {
		s := rec.Sessions[i]
		if s.Samples.Len() != want || len(s.TimerEvents) != 2 || len(s.Laps) != 1 || s.Watch != (schema.WatchSummary{}) || !slices.Contains(s.Flags, schema.FlagClockJump) {
			t.Errorf("session %d: %d samples, events %v, laps %+v, summary %+v, flags %v", i, s.Samples.Len(), s.TimerEvents, s.Laps, s.Watch, s.Flags)
		}
	}
}

func TestWhatIsNoActivityIsSkipped(t *testing.T) {
	other := func(body string) string { return "<TrainingCenterDatabase>" + body + "</TrainingCenterDatabase>" }
	for name, c := range map[string]struct {
		text    string
		outcome schema.Outcome
		reason  schema.Reason
	}{
		"course":              {other("<Courses><Course><Name>x</Name><Lap><TotalTimeSeconds>9</TotalTimeSeconds></Lap><Track>" + hrs(0, 9) + "</Track></Course></Courses>"), schema.OutcomeSkipped, schema.ReasonNotActivity},
		"workout":             {other(`<Workouts><Workout Sport="Running"><Name>x</Name><Step/></Workout></Workouts>`), schema.OutcomeSkipped, schema.ReasonNotActivity},
		"points without time": {doc(activity(lap("<Trackpoint><Cadence>9</Cadence></Trackpoint>"))), schema.OutcomeSkipped, schema.ReasonRoute},
		"times before 1970":   {doc(activity(lap(strings.ReplaceAll(hr(0, 99), "2025", "1969")))), schema.OutcomeSkipped, schema.ReasonRoute},
		"no points":           {doc(activity(lap())), schema.OutcomeSkipped, schema.ReasonNoSamples},
		"lap without start":   {strings.ReplaceAll(doc(activity("<Lap><TotalTimeSeconds>9</TotalTimeSeconds></Lap>")), "Id>", "X>"), schema.OutcomeSkipped, schema.ReasonNoSamples},
		"nothing":             {other(""), schema.OutcomeSkipped, schema.ReasonNoSamples},
		"empty file":          {"", schema.OutcomeRejected, schema.ReasonMalformed},
		"another root":        {"<gpx>" + doc(activity(lap(hrs(0, 9)))) + "</gpx>", schema.OutcomeRejected, schema.ReasonMalformed},
		"no XML":              {"PK\x03\x04 something else", schema.OutcomeRejected, schema.ReasonMalformed},
		"cut before a point":  {"<TrainingCenterDatabase><Activities><Activity><Lap><Track><Trackpoint><Time>", schema.OutcomeRejected, schema.ReasonMalformed},
	} {
		rec, err := tcxfile.Decode(t.Context(), strings.NewReader(c.text))
		r := schema.AsRefusal(err)
		if r == nil || r.Outcome != c.outcome || r.Reason != c.reason || r.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
		if rec == nil || rec.Format != schema.FormatTCX || rec.DecoderVersion != tcxfile.DecoderVersion {
			t.Errorf("%s: no recording beside the refusal", name)
		}
	}
}
