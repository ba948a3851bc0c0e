package store

import (
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/schema"
)

// intensityRow is a row of intensity_versions.
type intensityRow struct {
	AthleteID         string     `ch:"athlete_id"`
	SessionID         uuid.UUID  `ch:"session_id"`
	FileSHA256        string     `ch:"file_sha256"`
	SettingsID        string     `ch:"settings_id"`
	SettingsFrom      *time.Time `ch:"settings_from"`
	SettingsVersion   uint64     `ch:"settings_version"`
	ObservedHRMax     float64    `ch:"observed_hr_max"`
	HRMax             *float64   `ch:"hr_max"`
	HRMaxSource       string     `ch:"hr_max_source"`
	HRRest            *float64   `ch:"hr_rest"`
	HRRestSource      string     `ch:"hr_rest_source"`
	ZoneModel         string     `ch:"zone_model"`
	ZoneBounds        []float64  `ch:"zone_bounds"`
	ZoneMs            []int64    `ch:"zone_ms"`
	VT1               *float64   `ch:"vt1"`
	VT2               *float64   `ch:"vt2"`
	ThresholdSource   string     `ch:"threshold_source"`
	LowMs             int64      `ch:"low_ms"`
	ModerateMs        int64      `ch:"moderate_ms"`
	HighMs            int64      `ch:"high_ms"`
	LowShare          *float64   `ch:"low_share"`
	ModerateShare     *float64   `ch:"moderate_share"`
	HighShare         *float64   `ch:"high_share"`
	Meets8020         *bool      `ch:"meets_80_20"`
	SessionClass      string     `ch:"session_class"`
	Label             string     `ch:"label"`
	PolarizationIndex *float64   `ch:"polarization_index"`
	Above60Ms         int64      `ch:"above60_ms"`
	Above60Share      *float64   `ch:"above60_share"`
	CapBPM            *float64   `ch:"cap_bpm"`
	OverCapMs         int64      `ch:"over_cap_ms"`
	LongestOverCapMs  int64      `ch:"longest_over_cap_ms"`
	CapOK             *bool      `ch:"cap_ok"`
	LongestOverVT1Ms  int64      `ch:"longest_over_vt1_ms"`
	Efforts           uint32     `ch:"efforts"`
	NearVT1Ms         int64      `ch:"near_vt1_ms"`
	NearVT1M          float64    `ch:"near_vt1_m"`
	OverVT1MovingMs   int64      `ch:"over_vt1_moving_ms"`
	OverVT1M          float64    `ch:"over_vt1_m"`
	ThresholdPace     float64    `ch:"threshold_pace"`
	PaceLowMs         int64      `ch:"pace_low_ms"`
	PaceModerateMs    int64      `ch:"pace_moderate_ms"`
	PaceHighMs        int64      `ch:"pace_high_ms"`
	SameEffortMs      int64      `ch:"same_effort_ms"`
	SameEffortPace    *float64   `ch:"same_effort_pace"`
	Trimp             *float64   `ch:"trimp"`
	Edwards           *float64   `ch:"edwards"`
	Lucia             *float64   `ch:"lucia"`
	Efficiency        *float64   `ch:"efficiency"`
	Decoupling        *float64   `ch:"decoupling"`
	WatchDeltaShare   *float64   `ch:"watch_delta_share"`
	Verdict           string     `ch:"verdict"`
	RulesVersion      uint32     `ch:"rules_version"`
	AnalyzedAt        int64      `ch:"analyzed_at"`
	Version           uint64     `ch:"version"`
}

func intensityRowOf(r *analyze.SessionRow) *intensityRow {
	res := &r.Result
	row := &intensityRow{
		AthleteID:         string(r.Env.Athlete),
		SessionID:         uuid.UUID(r.Env.ID),
		FileSHA256:        r.Env.Export.String(),
		SettingsID:        r.SettingsID,
		SettingsVersion:   r.Inputs.Settings.Version,
		ObservedHRMax:     r.Inputs.ObservedHRMax,
		HRMax:             positive(res.HRMax),
		HRMaxSource:       string(res.HRMaxSource),
		HRRest:            positive(res.HRRest),
		HRRestSource:      res.HRRestSource,
		ZoneModel:         string(res.ZoneModel),
		ZoneBounds:        res.ZoneBounds,
		ZoneMs:            res.ZoneMs,
		VT1:               positive(res.VT1),
		VT2:               positive(res.VT2),
		ThresholdSource:   string(res.ThresholdSource),
		LowMs:             res.LowMs,
		ModerateMs:        res.ModerateMs,
		HighMs:            res.HighMs,
		LowShare:          res.LowShare,
		ModerateShare:     res.ModerateShare,
		HighShare:         res.HighShare,
		Meets8020:         res.Meets8020,
		SessionClass:      string(res.Class),
		Label:             string(res.Label),
		PolarizationIndex: res.Polarization,
		Above60Ms:         res.Above60Ms,
		Above60Share:      res.Above60Share,
		CapBPM:            positive(res.CapBPM),
		OverCapMs:         res.OverCapMs,
		LongestOverCapMs:  res.LongestOverCapMs,
		CapOK:             res.CapOK,
		LongestOverVT1Ms:  res.LongestOverVT1Ms,
		Efforts:           uint32(res.Efforts), //nolint:gosec // at most one a minute
		NearVT1Ms:         res.NearVT1Ms,
		NearVT1M:          res.NearVT1M,
		OverVT1MovingMs:   res.OverVT1MovingMs,
		OverVT1M:          res.OverVT1M,
		ThresholdPace:     res.ThresholdPace,
		PaceLowMs:         res.PaceLowMs,
		PaceModerateMs:    res.PaceModerateMs,
		PaceHighMs:        res.PaceHighMs,
		SameEffortMs:      res.SameEffortMs,
		SameEffortPace:    res.SameEffortPace,
		Trimp:             res.Trimp,
		Edwards:           res.Edwards,
		Lucia:             res.Lucia,
		Efficiency:        res.Efficiency,
		Decoupling:        res.Decoupling,
		WatchDeltaShare:   res.WatchDeltaShare,
		Verdict:           string(res.Verdict),
		RulesVersion:      res.RulesVersion,
		AnalyzedAt:        r.AnalyzedMs,
		Version:           r.Version,
	}
	if r.Inputs.Settings.Version != 0 {
		from := dayTime(r.Inputs.Settings.ValidFrom)
		row.SettingsFrom = &from
	}
	return row
}

// positive returns nil for 0, which stands for "unknown" in a result.
func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

// exportRow is a row of exports_versions.
type exportRow struct {
	AthleteID      string      `ch:"athlete_id"`
	ExportID       string      `ch:"export_id"`
	ParentID       string      `ch:"parent_id"`
	Source         string      `ch:"source"`
	Format         string      `ch:"format"`
	Bytes          uint64      `ch:"bytes"`
	ReceivedAt     int64       `ch:"received_at"`
	Outcome        string      `ch:"outcome"`
	Reason         string      `ch:"reason"`
	Detail         string      `ch:"detail"`
	Flags          []string    `ch:"flags"`
	SessionIDs     []uuid.UUID `ch:"session_ids"`
	MemberIDs      []string    `ch:"member_ids"`
	Records        uint64      `ch:"records"`
	DecoderVersion uint32      `ch:"decoder_version"`
	DecodedAt      int64       `ch:"decoded_at"`
	AnalyzedAt     int64       `ch:"analyzed_at"`
	Version        uint64      `ch:"version"`
}

func exportRowOf(r *analyze.ExportRow) *exportRow {
	o := r.Outcome
	row := &exportRow{
		AthleteID:      string(o.Job.Athlete),
		ExportID:       o.Job.Export.String(),
		Source:         string(o.Job.Source),
		Format:         string(o.Format),
		Bytes:          uint64(max(0, o.Job.Bytes)), //nolint:gosec // not negative
		ReceivedAt:     o.Job.ReceivedMs,
		Outcome:        string(o.Outcome),
		Reason:         string(o.Reason),
		Detail:         o.Detail,
		Flags:          texts(o.Flags),
		Records:        uint64(max(0, o.Records)), //nolint:gosec // not negative
		DecoderVersion: o.DecoderVersion,
		DecodedAt:      o.FinishedMs,
		AnalyzedAt:     r.AnalyzedMs,
		Version:        r.Version,
	}
	if o.Job.Parent != (schema.ExportID{}) {
		row.ParentID = o.Job.Parent.String()
	}
	for _, id := range o.Sessions {
		row.SessionIDs = append(row.SessionIDs, uuid.UUID(id))
	}
	for _, id := range o.Members {
		row.MemberIDs = append(row.MemberIDs, id.String())
	}
	return row
}

// settingsRow is a row of athlete_settings_versions.
type settingsRow struct {
	AthleteID    string    `ch:"athlete_id"`
	ValidFrom    time.Time `ch:"valid_from"`
	HRMax        float64   `ch:"hr_max"`
	HRRest       float64   `ch:"hr_rest"`
	LTHR         float64   `ch:"lthr"`
	VT1          float64   `ch:"vt1"`
	VT2          float64   `ch:"vt2"`
	BirthYear    int32     `ch:"birth_year"`
	Sex          string    `ch:"sex"`
	ZoneModel    string    `ch:"zone_model"`
	CustomBounds []float64 `ch:"custom_bounds"`
	TimeZone     string    `ch:"time_zone"`
	Pace         float64   `ch:"threshold_pace"`
	Version      uint64    `ch:"version"`
}

func settingsRowOf(d *analyze.Dated) *settingsRow {
	return &settingsRow{
		AthleteID: string(d.Athlete), ValidFrom: dayTime(d.ValidFrom),
		HRMax: d.HRMax, HRRest: d.HRRest, LTHR: d.LTHR, VT1: d.VT1, VT2: d.VT2,
		BirthYear: int32(d.BirthYear), //nolint:gosec // checked by Settings.Validate
		Sex:       string(d.Sex), ZoneModel: string(d.ZoneModel), CustomBounds: d.CustomBounds,
		TimeZone: d.TimeZone, Pace: d.ThresholdPace, Version: d.Version,
	}
}

func (row *settingsRow) dated() analyze.Dated {
	return analyze.Dated{
		Settings: schema.Settings{
			Athlete: schema.AthleteID(row.AthleteID), ValidFrom: dayOf(row.ValidFrom),
			HRMax: row.HRMax, HRRest: row.HRRest, LTHR: row.LTHR, VT1: row.VT1, VT2: row.VT2,
			BirthYear: int(row.BirthYear), Sex: schema.Sex(row.Sex), ZoneModel: schema.ZoneModel(row.ZoneModel),
			CustomBounds: notEmpty(row.CustomBounds), TimeZone: row.TimeZone, ThresholdPace: row.Pace,
		},
		Version: row.Version,
	}
}
