package report

import (
	"math"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Explanation says of one session what counted, under which settings, and how
// the verdict came about. Its JSON keys are stable; null means there is no
// answer, and Verdict says why.
type Explanation struct {
	SessionID       string              `json:"session_id"`
	Athlete         schema.AthleteID    `json:"athlete_id"`
	FileSHA256      string              `json:"file_sha256"`
	Format          schema.Format       `json:"format"`
	DecoderVersion  uint32              `json:"decoder_version"`
	RulesVersion    uint32              `json:"rules_version"`
	Device          string              `json:"device"`
	Sport           schema.Sport        `json:"sport"`
	SubSport        string              `json:"sub_sport"`
	StartedAt       time.Time           `json:"started_at"` // with the local offset
	LocalDay        string              `json:"local_day"`
	UTCOffsetS      int32               `json:"utc_offset_s"`
	UTCOffsetSource schema.OffsetSource `json:"utc_offset_source"`
	Samples         int                 `json:"samples"`
	Time            TimeBudget          `json:"time"`
	Excluded        []Excluded          `json:"excluded"`
	Settings        Settings            `json:"settings"`
	Zones           []Zone              `json:"zones"`
	Watch           *Watch              `json:"watch"`
	Steps           []Step              `json:"steps"`
	Verdict         intensity.Verdict   `json:"verdict"`
	Class           *intensity.Class    `json:"session_class"`
	Label           intensity.Label     `json:"label"`
	Flags           []Flag              `json:"flags"`
	// Differences names what of the stored rows is not what comes out now.
	Differences []string `json:"differences"`
}

// TimeBudget closes: elapsed = paused + gap + no_hr + rejected_hr + classified.
type TimeBudget struct {
	ElapsedS    float64 `json:"elapsed_s"`
	TimerS      float64 `json:"timer_s"`
	PausedS     float64 `json:"paused_s"`
	GapS        float64 `json:"gap_s"`
	NoHRS       float64 `json:"no_hr_s"`
	RejectedHRS float64 `json:"rejected_hr_s"`
	ClassifiedS float64 `json:"classified_s"`
	Coverage    float64 `json:"hr_coverage"` // classified of timer, 0 to 1
}

// Excluded is a stretch that counts in no zone, in local clock time.
type Excluded struct {
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	Seconds float64         `json:"seconds"`
	Cause   intensity.Cause `json:"cause"`
}

// Settings are the values that decided, with their sources.
type Settings struct {
	SettingsID      string                    `json:"settings_id"`
	ValidFrom       *string                   `json:"valid_from"` // local day; null when nothing was set
	HRMax           *float64                  `json:"hr_max"`
	HRMaxSource     intensity.HRMaxSource     `json:"hr_max_source"`
	HRMaxWords      string                    `json:"hr_max_words"`
	HRRest          *float64                  `json:"hr_rest"`
	HRRestSource    string                    `json:"hr_rest_source"`
	VT1             *float64                  `json:"vt1"`
	VT2             *float64                  `json:"vt2"`
	ThresholdSource intensity.ThresholdSource `json:"threshold_source"`
	ThresholdWords  string                    `json:"threshold_words"`
	ZoneModelAsked  schema.ZoneModel          `json:"zone_model_asked"`
	ZoneModel       schema.ZoneModel          `json:"zone_model"`
	ZoneBounds      []float64                 `json:"zone_bounds"`
	CapBPM          *float64                  `json:"cap_bpm"`
	birthYear       int
}

// Zone is one cell of the zone model; the first lies below zone 1.
type Zone struct {
	Zone    int      `json:"zone"`     // 0 = below zone 1
	FromBPM *float64 `json:"from_bpm"` // null for the first
	Seconds float64  `json:"seconds"`
	Share   float64  `json:"share"` // of classified time
}

// Watch compares our seconds with the watch's, by the watch's own bounds.
type Watch struct {
	Cells          []WatchCell `json:"cells"`
	BoundsInferred bool        `json:"bounds_inferred"` // the file has none; the watch's usual shares of max HR were taken
	DifferentShare *float64    `json:"different_share"` // sum of differences over the watch's total; null when not comparable
}

// WatchCell is one of the watch's zones; the first lies below its zone 1.
type WatchCell struct {
	FromBPM     *float64 `json:"from_bpm"`
	WatchS      float64  `json:"watch_s"`
	OursS       *float64 `json:"ours_s"`       // null when not comparable
	DifferenceS *float64 `json:"difference_s"` // ours less the watch's
}

// Flag is an oddity of the file or its signals, with words.
type Flag struct {
	Flag schema.Flag `json:"flag"`
	Text string      `json:"text"`
}

// Explain puts a session that was worked out again into words.
func Explain(x *analyze.Explained) *Explanation {
	s, m, r := &x.Env.Session, x.Measured, &x.Result
	zone := time.FixedZone(offsetText(x.Inputs.UTCOffsetS), int(x.Inputs.UTCOffsetS))
	out := &Explanation{
		SessionID: x.Env.ID.String(), Athlete: x.Env.Athlete, FileSHA256: x.Env.Export.String(),
		Format: x.Env.Format, DecoderVersion: x.Env.DecoderVersion, RulesVersion: r.RulesVersion, Device: s.Device,
		Sport: s.Sport, SubSport: s.SubSport, StartedAt: time.UnixMilli(s.StartMs).In(zone), LocalDay: x.Inputs.LocalDay.String(),
		UTCOffsetS: x.Inputs.UTCOffsetS, UTCOffsetSource: x.Inputs.OffsetSource, Samples: s.Samples.Len(),
		Time: budgetOf(m.Budget), Excluded: []Excluded{}, Settings: settingsOf(x), Zones: zonesOf(m, r),
		Watch: watchOf(s, r), Verdict: r.Verdict, Class: orNull(r.Class, intensity.ClassNone), Label: r.Label,
		Flags: []Flag{}, Differences: x.Differences(),
	}
	for _, e := range m.Excluded {
		out.Excluded = append(out.Excluded, Excluded{
			From: time.UnixMilli(e.FromMs).In(zone), To: time.UnixMilli(e.ToMs).In(zone),
			Seconds: seconds(e.ToMs - e.FromMs), Cause: e.Cause,
		})
	}
	var flags []schema.Flag
	for _, list := range [][]schema.Flag{s.Flags, m.Flags} {
		for _, f := range list {
			flags = schema.AddFlag(flags, f)
		}
	}
	for _, f := range flags {
		out.Flags = append(out.Flags, Flag{Flag: f, Text: schema.FlagText(f)})
	}
	if out.Differences == nil {
		out.Differences = []string{}
	}
	out.Steps = stepsOf(m, r, &out.Settings)
	return out
}

func budgetOf(b intensity.Budget) TimeBudget {
	return TimeBudget{
		ElapsedS: seconds(b.ElapsedMs), TimerS: seconds(b.TimerMs()), PausedS: seconds(b.PausedMs), GapS: seconds(b.GapMs),
		NoHRS: seconds(b.NoHRMs), RejectedHRS: seconds(b.RejectedHRMs), ClassifiedS: seconds(b.ClassifiedMs),
		Coverage: b.Coverage(),
	}
}

func zonesOf(m *intensity.Measured, r *intensity.Result) []Zone {
	zones := []Zone{}
	for i, ms := range r.ZoneMs {
		z := Zone{Zone: i, Seconds: seconds(ms), Share: float64(ms) / float64(m.Budget.ClassifiedMs)}
		if i > 0 {
			z.FromBPM = &r.ZoneBounds[i-1]
		}
		zones = append(zones, z)
	}
	return zones
}

// watchOf lays our seconds beside the watch's; nil when it has none.
func watchOf(s *schema.Session, r *intensity.Result) *Watch {
	if len(s.WatchZones.TimeMs) == 0 {
		return nil
	}
	bounds := make([]float64, 0, len(s.WatchZones.BoundsBPM))
	for _, b := range s.WatchZones.BoundsBPM {
		bounds = append(bounds, float64(b))
	}
	if r.WatchInferred {
		bounds = append(intensity.HRMaxBounds(r.HRMax), math.Floor(r.HRMax+0.5))
	}
	w := &Watch{BoundsInferred: r.WatchInferred, DifferentShare: r.WatchDeltaShare}
	for i, ms := range s.WatchZones.TimeMs {
		c := WatchCell{WatchS: seconds(ms)}
		if i > 0 && i <= len(bounds) {
			c.FromBPM = &bounds[i-1]
		}
		if i < len(r.WatchDeltaMs) {
			ours, difference := seconds(ms+r.WatchDeltaMs[i]), seconds(r.WatchDeltaMs[i])
			c.OursS, c.DifferenceS = &ours, &difference
		}
		w.Cells = append(w.Cells, c)
	}
	return w
}
