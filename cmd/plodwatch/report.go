package main

import (
	"bytes"
	"strconv"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// fileReport is what `check --json` prints of one file. Its keys are stable.
type fileReport struct {
	File     string           `json:"file"`
	ExportID string           `json:"export_id"`
	Format   schema.Format    `json:"format"`
	Outcome  schema.Outcome   `json:"outcome"`
	Reason   schema.Reason    `json:"reason"`
	Detail   string           `json:"detail,omitempty"`
	Flags    []schema.Flag    `json:"flags"`
	Raw      schema.RawCounts `json:"raw"`
	Sessions []sessionReport  `json:"sessions"`
}

// sessionReport is one session of a fileReport. Seconds have millisecond
// resolution; null means there is no answer, and verdict says why.
type sessionReport struct {
	Sport           schema.Sport          `json:"sport"`
	SubSport        string                `json:"sub_sport"`
	StartedAt       time.Time             `json:"started_at"`
	UTCOffsetS      *int32                `json:"utc_offset_s"`
	UTCOffsetSource schema.OffsetSource   `json:"utc_offset_source"` // empty when nothing tells
	ElapsedS        float64               `json:"elapsed_s"`
	TimerS          float64               `json:"timer_s"`
	MovingS         float64               `json:"moving_s"`
	DistanceM       *float64              `json:"distance_m"`
	Samples         int                   `json:"samples"`
	HRAvg           *float64              `json:"hr_avg"`
	HRMax           *uint8                `json:"hr_max"`
	HRSeconds       hrSeconds             `json:"hr_seconds"`
	Budget          budgetReport          `json:"budget"`
	WatchZoneS      []float64             `json:"watch_zone_s"`
	WatchZoneBounds []int                 `json:"watch_zone_bounds"`
	HRMaxUsed       *float64              `json:"hr_max_used"`
	HRMaxSource     intensity.HRMaxSource `json:"hr_max_source"`
	ZoneModel       schema.ZoneModel      `json:"zone_model"`
	ZoneBounds      []float64             `json:"zone_bounds"`
	ZoneS           []float64             `json:"zone_s"`
	LowS            *float64              `json:"low_s"`
	ModerateS       *float64              `json:"moderate_s"`
	HighS           *float64              `json:"high_s"`
	Above60S        *float64              `json:"above60_s"`
	CapBPM          *float64              `json:"cap_bpm"`
	OverCapS        *float64              `json:"over_cap_s"`
	Class           intensity.Class       `json:"session_class"`
	Flags           []schema.Flag         `json:"flags"`
	Verdict         intensity.Verdict     `json:"verdict"`
}

// budgetReport sums exactly to elapsed_s.
type budgetReport struct {
	PausedS     float64 `json:"paused_s"`
	GapS        float64 `json:"gap_s"`
	NoHRS       float64 `json:"no_hr_s"`
	RejectedHRS float64 `json:"rejected_hr_s"`
	ClassifiedS float64 `json:"classified_s"`
}

// hrSeconds is the seconds-per-bpm histogram; as JSON an object of the bpm
// that occur, in ascending order.
type hrSeconds [intensity.HRBins]int64

// MarshalJSON writes {"bpm": seconds, ...}.
func (h *hrSeconds) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for bpm, ms := range h {
		if ms == 0 {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strconv.Itoa(bpm) + `":` + strconv.FormatFloat(seconds(ms), 'f', -1, 64))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// reportSession puts a session, its measure and its result into words.
func reportSession(s *schema.Session, m *intensity.Measured, r *intensity.Result) sessionReport {
	out := sessionReport{
		Sport: s.Sport, SubSport: s.SubSport,
		StartedAt: time.UnixMilli(s.StartMs).UTC(),
		ElapsedS:  seconds(m.Budget.ElapsedMs), TimerS: seconds(m.Budget.TimerMs()), MovingS: seconds(m.MovingMs),
		Samples: s.Samples.Len(), HRSeconds: hrSeconds(m.HRMs),
		Budget: budgetReport{
			PausedS: seconds(m.Budget.PausedMs), GapS: seconds(m.Budget.GapMs), NoHRS: seconds(m.Budget.NoHRMs),
			RejectedHRS: seconds(m.Budget.RejectedHRMs), ClassifiedS: seconds(m.Budget.ClassifiedMs),
		},
		WatchZoneS: secondsOf(s.WatchZones.TimeMs), WatchZoneBounds: ints(s.WatchZones.BoundsBPM),
		HRMaxSource: r.HRMaxSource, ZoneModel: r.ZoneModel, ZoneBounds: r.ZoneBounds,
		Class: r.Class, Flags: mergeFlags(s.Flags, m.Flags), Verdict: r.Verdict,
	}
	if s.OffsetSource != schema.OffsetNone {
		out.UTCOffsetS, out.UTCOffsetSource = &s.UTCOffsetS, s.OffsetSource
	}
	if m.HasDistance {
		out.DistanceM = &m.DistanceM
	}
	if m.Budget.ClassifiedMs > 0 {
		out.HRAvg, out.HRMax = &m.HRAvg, &m.HRMax
	}
	if r.HRMax > 0 {
		out.HRMaxUsed = &r.HRMax
	}
	out.addIntensity(m, r)
	return out
}

// addIntensity fills the figures that exist only with heart rate and bounds.
func (out *sessionReport) addIntensity(m *intensity.Measured, r *intensity.Result) {
	if m.Budget.ClassifiedMs == 0 {
		return
	}
	if len(r.ZoneBounds) > 0 {
		out.ZoneS = secondsOf(r.ZoneMs)
	}
	if r.ThresholdSource != intensity.ThresholdNone {
		out.LowS, out.ModerateS, out.HighS = secondsPtr(r.LowMs), secondsPtr(r.ModerateMs), secondsPtr(r.HighMs)
	}
	if r.HRMax > 0 {
		out.Above60S, out.OverCapS = secondsPtr(r.Above60Ms), secondsPtr(r.OverCapMs)
		out.CapBPM = &r.CapBPM
	}
}

func mergeFlags(a, b []schema.Flag) []schema.Flag {
	out := []schema.Flag{}
	for _, f := range a {
		out = schema.AddFlag(out, f)
	}
	for _, f := range b {
		out = schema.AddFlag(out, f)
	}
	return out
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func secondsPtr(ms int64) *float64 {
	s := seconds(ms)
	return &s
}

func secondsOf(ms []int64) []float64 {
	if len(ms) == 0 {
		return nil
	}
	out := make([]float64, len(ms))
	for i, v := range ms {
		out[i] = seconds(v)
	}
	return out
}

func ints(b []uint8) []int {
	if len(b) == 0 {
		return nil
	}
	out := make([]int, len(b))
	for i, v := range b {
		out[i] = int(v)
	}
	return out
}
