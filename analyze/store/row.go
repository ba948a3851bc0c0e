package store

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// sessionRow is a row of sessions_versions.
type sessionRow struct {
	AthleteID         string     `ch:"athlete_id"`
	SessionID         uuid.UUID  `ch:"session_id"`
	ExportID          string     `ch:"export_id"`
	Ordinal           uint32     `ch:"ordinal"`
	Format            string     `ch:"format"`
	Salvaged          bool       `ch:"salvaged"`
	ReceivedAt        int64      `ch:"received_at"`
	DecoderVersion    uint32     `ch:"decoder_version"`
	Decode            uint64     `ch:"decode"`
	Samples           uint32     `ch:"samples"`
	Sport             string     `ch:"sport"`
	SubSport          string     `ch:"sub_sport"`
	StartedAt         int64      `ch:"started_at"`
	EndedAt           int64      `ch:"ended_at"`
	UTCOffsetS        int32      `ch:"utc_offset_s"`
	UTCOffsetSource   string     `ch:"utc_offset_source"`
	LocalDay          time.Time  `ch:"local_day"`
	ElapsedMs         int64      `ch:"elapsed_ms"`
	PausedMs          int64      `ch:"paused_ms"`
	GapMs             int64      `ch:"gap_ms"`
	NoHRMs            int64      `ch:"no_hr_ms"`
	RejectedHRMs      int64      `ch:"rejected_hr_ms"`
	ClassifiedMs      int64      `ch:"classified_ms"`
	MovingMs          int64      `ch:"moving_ms"`
	HRMs              []int64    `ch:"hr_ms"`
	SpeedMs           []int64    `ch:"speed_ms"`
	DistanceM         *float64   `ch:"distance_m"`
	AscentM           float64    `ch:"ascent_m"`
	HRAvg             *float64   `ch:"hr_avg"`
	HRMax             *uint8     `ch:"hr_max"`
	ObservedHRMax     float64    `ch:"observed_hr_max"`
	WatchElapsedMs    int64      `ch:"watch_elapsed_ms"`
	WatchTimerMs      int64      `ch:"watch_timer_ms"`
	WatchDistanceCm   int64      `ch:"watch_distance_cm"`
	WatchAscentM      int32      `ch:"watch_ascent_m"`
	WatchHRAvg        uint8      `ch:"watch_hr_avg"`
	WatchHRMax        uint8      `ch:"watch_hr_max"`
	WatchSpeedMMps    int32      `ch:"watch_speed_mmps"`
	WatchCaloriesKcal int32      `ch:"watch_calories_kcal"`
	WatchZoneMs       []int64    `ch:"watch_zone_ms"`
	WatchZoneBounds   []uint8    `ch:"watch_zone_bounds"`
	WatchZoneHRMax    uint8      `ch:"watch_zone_hr_max"`
	WatchZoneHRRest   uint8      `ch:"watch_zone_hr_rest"`
	WatchZoneHRLT     uint8      `ch:"watch_zone_hr_lt"`
	WatchDeltaMs      []int64    `ch:"watch_delta_ms"`
	WatchInferred     bool       `ch:"watch_inferred"`
	FileHRMax         uint8      `ch:"file_hr_max"`
	FileHRMaxSource   string     `ch:"file_hr_max_source"`
	FileHRRest        uint8      `ch:"file_hr_rest"`
	FileHRLT          uint8      `ch:"file_hr_lt"`
	RPE               *float32   `ch:"rpe"`
	Feel              *int16     `ch:"feel"`
	Device            string     `ch:"device"`
	DecoderFlags      []string   `ch:"decoder_flags"`
	SignalFlags       []string   `ch:"signal_flags"`
	TimerEventMs      []int64    `ch:"timer_event_ms"`
	TimerEventStop    []bool     `ch:"timer_event_stop"`
	BreakFromMs       []int64    `ch:"break_from_ms"`
	BreakToMs         []int64    `ch:"break_to_ms"`
	LapStartMs        []int64    `ch:"lap_start_ms"`
	LapEndMs          []int64    `ch:"lap_end_ms"`
	LapElapsedMs      []int64    `ch:"lap_elapsed_ms"`
	LapTimerMs        []int64    `ch:"lap_timer_ms"`
	LapDistanceCm     []int64    `ch:"lap_distance_cm"`
	LapHRAvg          []uint8    `ch:"lap_hr_avg"`
	LapHRMax          []uint8    `ch:"lap_hr_max"`
	LapZoneMs         [][]int64  `ch:"lap_zone_ms"`
	LapZoneBounds     [][]uint8  `ch:"lap_zone_bounds"`
	LapZoneHR         [][]uint8  `ch:"lap_zone_hr"`
	DuplicateOf       *uuid.UUID `ch:"duplicate_of"`
	DuplicateReason   string     `ch:"duplicate_reason"`
	DuplicateSure     float32    `ch:"duplicate_confidence"`
	RulesVersion      uint32     `ch:"rules_version"`
	AnalyzedAt        int64      `ch:"analyzed_at"`
	Version           uint64     `ch:"version"`
}

// columnsOf lists the columns of a row struct, in order, for an INSERT or a
// SELECT.
func columnsOf(row any) string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(row)) {
		if !f.Anonymous {
			names = append(names, f.Tag.Get("ch"))
		}
	}
	return strings.Join(names, ", ")
}

func sessionRowOf(r *analyze.SessionRow) *sessionRow {
	s, m := &r.Env.Session, r.Measured
	row := &sessionRow{
		AthleteID:       string(r.Env.Athlete),
		SessionID:       uuid.UUID(r.Env.ID),
		ExportID:        r.Env.Export.String(),
		Ordinal:         uint32(max(0, s.Ordinal)), //nolint:gosec // a position in a file
		Format:          string(r.Env.Format),
		Salvaged:        r.Env.Salvaged,
		ReceivedAt:      r.Env.ReceivedMs,
		DecoderVersion:  r.Env.DecoderVersion,
		Decode:          r.Decode,
		Samples:         uint32(s.Samples.Len()), //nolint:gosec // bounded by the size of a message
		Sport:           string(s.Sport),
		SubSport:        s.SubSport,
		StartedAt:       s.StartMs,
		EndedAt:         s.EndMs,
		UTCOffsetS:      r.Inputs.UTCOffsetS,
		UTCOffsetSource: string(r.Inputs.OffsetSource),
		LocalDay:        dayTime(r.Inputs.LocalDay),
		FileHRMax:       s.Facts.MaxHR,
		FileHRMaxSource: s.Facts.MaxHRSource,
		FileHRRest:      s.Facts.RestHR,
		FileHRLT:        s.Facts.ThresholdHR,
		Device:          s.Device,
		DecoderFlags:    texts(s.Flags),
		SignalFlags:     texts(m.Flags),
		WatchDeltaMs:    r.Result.WatchDeltaMs,
		WatchInferred:   r.Result.WatchInferred,
		RulesVersion:    r.Result.RulesVersion,
		AnalyzedAt:      r.AnalyzedMs,
		Version:         r.Version,
	}
	if mark := r.Mark; mark.Reason != duplicates.ReasonNone {
		row.DuplicateOf, row.DuplicateReason, row.DuplicateSure = (*uuid.UUID)(&mark.Of), string(mark.Reason), float32(mark.Confidence)
	}
	if s.HasRPE {
		row.RPE = &s.RPE
	}
	if s.Feel >= 0 {
		row.Feel = &s.Feel
	}
	row.setMeasured(m)
	row.setWatch(s)
	row.setStretches(s)
	return row
}

func (row *sessionRow) setMeasured(m *intensity.Measured) {
	b := &m.Budget
	row.ElapsedMs, row.PausedMs, row.GapMs = b.ElapsedMs, b.PausedMs, b.GapMs
	row.NoHRMs, row.RejectedHRMs, row.ClassifiedMs = b.NoHRMs, b.RejectedHRMs, b.ClassifiedMs
	row.MovingMs, row.AscentM, row.ObservedHRMax = m.MovingMs, m.AscentM, m.ObservedHRMax
	row.HRMs, row.SpeedMs = m.HRMs[1:], m.SpeedMs // ClickHouse counts elements from 1
	if m.HasDistance {
		row.DistanceM = &m.DistanceM
	}
	if m.HRAvg > 0 {
		row.HRAvg = &m.HRAvg
	}
	if m.HRMax > 0 {
		row.HRMax = &m.HRMax
	}
}

func (row *sessionRow) setWatch(s *schema.Session) {
	w, z := &s.Watch, &s.WatchZones
	row.WatchElapsedMs, row.WatchTimerMs, row.WatchDistanceCm = w.ElapsedMs, w.TimerMs, w.DistanceCm
	row.WatchAscentM, row.WatchHRAvg, row.WatchHRMax = w.AscentM, w.AvgHR, w.MaxHR
	row.WatchSpeedMMps, row.WatchCaloriesKcal = w.AvgSpeedMMps, w.CaloriesKcal
	row.WatchZoneMs, row.WatchZoneBounds = z.TimeMs, z.BoundsBPM
	row.WatchZoneHRMax, row.WatchZoneHRRest, row.WatchZoneHRLT = z.MaxHR, z.RestHR, z.ThresholdHR
}

func (row *sessionRow) setStretches(s *schema.Session) {
	for _, e := range s.TimerEvents {
		row.TimerEventMs = append(row.TimerEventMs, e.AtMs)
		row.TimerEventStop = append(row.TimerEventStop, e.Stop)
	}
	for _, b := range s.Breaks {
		row.BreakFromMs = append(row.BreakFromMs, b.FromMs)
		row.BreakToMs = append(row.BreakToMs, b.ToMs)
	}
	for i := range s.Laps {
		l := &s.Laps[i]
		row.LapStartMs = append(row.LapStartMs, l.StartMs)
		row.LapEndMs = append(row.LapEndMs, l.EndMs)
		row.LapElapsedMs = append(row.LapElapsedMs, l.ElapsedMs)
		row.LapTimerMs = append(row.LapTimerMs, l.TimerMs)
		row.LapDistanceCm = append(row.LapDistanceCm, l.DistanceCm)
		row.LapHRAvg = append(row.LapHRAvg, l.AvgHR)
		row.LapHRMax = append(row.LapHRMax, l.MaxHR)
		row.LapZoneMs = append(row.LapZoneMs, l.Zones.TimeMs)
		row.LapZoneBounds = append(row.LapZoneBounds, l.Zones.BoundsBPM)
		row.LapZoneHR = append(row.LapZoneHR, []uint8{l.Zones.MaxHR, l.Zones.RestHR, l.Zones.ThresholdHR})
	}
}

// stored turns the row back into the session it was made from; the samples
// are still to come.
func (row *sessionRow) stored() (*analyze.Stored, error) {
	export, err := schema.ParseExportID(row.ExportID)
	if err != nil {
		return nil, err
	}
	s := schema.Session{
		Ordinal:  int(row.Ordinal),
		Sport:    schema.Sport(row.Sport),
		SubSport: row.SubSport,
		StartMs:  row.StartedAt,
		EndMs:    row.EndedAt,
		Facts: schema.FileFacts{
			MaxHR: row.FileHRMax, MaxHRSource: row.FileHRMaxSource, RestHR: row.FileHRRest, ThresholdHR: row.FileHRLT,
		},
		Watch: schema.WatchSummary{
			ElapsedMs: row.WatchElapsedMs, TimerMs: row.WatchTimerMs, DistanceCm: row.WatchDistanceCm,
			AscentM: row.WatchAscentM, AvgHR: row.WatchHRAvg, MaxHR: row.WatchHRMax,
			AvgSpeedMMps: row.WatchSpeedMMps, CaloriesKcal: row.WatchCaloriesKcal,
		},
		WatchZones: schema.WatchZones{
			TimeMs: notEmpty(row.WatchZoneMs), BoundsBPM: notEmpty(row.WatchZoneBounds),
			MaxHR: row.WatchZoneHRMax, RestHR: row.WatchZoneHRRest, ThresholdHR: row.WatchZoneHRLT,
		},
		Feel:   -1,
		Device: row.Device,
		Flags:  flags(row.DecoderFlags),
	}
	switch source := schema.OffsetSource(row.UTCOffsetSource); source {
	case schema.OffsetFile, analyze.OffsetPosition: // the session's own; others follow from settings
		s.OffsetSource, s.UTCOffsetS = source, row.UTCOffsetS
	}
	if row.RPE != nil {
		s.RPE, s.HasRPE = *row.RPE, true
	}
	if row.Feel != nil {
		s.Feel = *row.Feel
	}
	row.restoreStretches(&s)
	env := &schema.Envelope{
		Athlete: schema.AthleteID(row.AthleteID), Export: export, ID: schema.SessionID(row.SessionID),
		Format: schema.Format(row.Format), DecoderVersion: row.DecoderVersion, Salvaged: row.Salvaged,
		ReceivedMs: row.ReceivedAt, Session: s,
	}
	return &analyze.Stored{
		Env: env, Decode: row.Decode, Version: row.Version, RulesVersion: row.RulesVersion,
		Mark: markOf(row.SessionID, row.DuplicateOf, row.DuplicateReason, row.DuplicateSure),
		Budget: intensity.Budget{
			ElapsedMs: row.ElapsedMs, PausedMs: row.PausedMs, GapMs: row.GapMs, NoHRMs: row.NoHRMs,
			RejectedHRMs: row.RejectedHRMs, ClassifiedMs: row.ClassifiedMs,
		},
	}, nil
}

func (row *sessionRow) restoreStretches(s *schema.Session) {
	for i, at := range row.TimerEventMs {
		s.TimerEvents = append(s.TimerEvents, schema.TimerEvent{AtMs: at, Stop: row.TimerEventStop[i]})
	}
	for i, from := range row.BreakFromMs {
		s.Breaks = append(s.Breaks, schema.Interval{FromMs: from, ToMs: row.BreakToMs[i]})
	}
	for i := range row.LapStartMs {
		hr := row.LapZoneHR[i]
		s.Laps = append(s.Laps, schema.Lap{
			StartMs: row.LapStartMs[i], EndMs: row.LapEndMs[i],
			ElapsedMs: row.LapElapsedMs[i], TimerMs: row.LapTimerMs[i], DistanceCm: row.LapDistanceCm[i],
			AvgHR: row.LapHRAvg[i], MaxHR: row.LapHRMax[i],
			Zones: schema.WatchZones{
				TimeMs: notEmpty(row.LapZoneMs[i]), BoundsBPM: notEmpty(row.LapZoneBounds[i]),
				MaxHR: hr[0], RestHR: hr[1], ThresholdHR: hr[2],
			},
		})
	}
}

func notEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func texts(flags []schema.Flag) []string {
	out := make([]string, len(flags))
	for i, f := range flags {
		out[i] = string(f)
	}
	return out
}

func flags(texts []string) []schema.Flag {
	var out []schema.Flag
	for _, t := range texts {
		out = append(out, schema.Flag(t))
	}
	slices.Sort(out)
	return out
}

func dayTime(d schema.Day) time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

func dayOf(t time.Time) schema.Day { return schema.DayOf(t.UnixMilli(), 0) }
