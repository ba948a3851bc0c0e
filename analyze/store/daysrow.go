package store

import (
	"math"
	"math/bits"
	"time"

	"plodwatch/analyze/periods"
	"plodwatch/schema"
)

// athleteDay is a day with its athlete, a row of athlete_days_versions.
type athleteDay struct {
	athlete schema.AthleteID
	periods.Day
}

// dayColumn is a column of athlete_days_versions: its name, and its values for
// some days as a slice that the driver appends.
type dayColumn struct {
	name   string
	values func([]athleteDay) any
}

// perDay makes a column from what one day has to say.
func perDay[T any](name string, of func(*athleteDay) T) dayColumn {
	return dayColumn{name: name, values: func(days []athleteDay) any {
		list := make([]T, len(days))
		for i := range days {
			list[i] = of(&days[i])
		}
		return list
	}}
}

// dayColumns lists the columns that a day's fingerprint is made of.
func dayColumns() []dayColumn {
	all := []dayColumn{
		perDay("athlete_id", func(d *athleteDay) string { return string(d.athlete) }),
		perDay("day", func(d *athleteDay) time.Time { return dayTime(d.Day.Day) }),
		perDay("tail", func(d *athleteDay) bool { return d.Tail }),
		perDay("day_number", func(d *athleteDay) uint32 { return d.Number }),
		perDay("over_easy_sessions", func(d *athleteDay) uint32 { return d.OverEasySessions }),
		perDay("drifted_sessions", func(d *athleteDay) uint32 { return d.DriftedSessions }),
		perDay("moving_ms", func(d *athleteDay) int64 { return d.MovingMs }),
		perDay("rpe_sessions", func(d *athleteDay) uint32 { return d.RatedSessions }),
		perDay("trimp", func(d *athleteDay) *float64 { return d.Trimp }),
		perDay("edwards", func(d *athleteDay) *float64 { return d.Edwards }),
		perDay("lucia", func(d *athleteDay) *float64 { return d.Lucia }),
		perDay("foster", func(d *athleteDay) *float64 { return d.Foster }),
		perDay("near_vt1_ms_90d", func(d *athleteDay) int64 { return d.NearVT1Ms90 }),
		perDay("near_vt1_m_90d", func(d *athleteDay) float64 { return d.NearVT1M90 }),
	}
	all = append(all, sumColumns("", func(d *athleteDay) *periods.Sums { return &d.Sums })...)
	for suffix, window := range map[string]func(*athleteDay) *periods.Window{
		"_7d":  func(d *athleteDay) *periods.Window { return &d.Week },
		"_28d": func(d *athleteDay) *periods.Window { return &d.Month },
	} {
		all = append(all, sumColumns(suffix, func(d *athleteDay) *periods.Sums { return &window(d).Sums })...)
		all = append(all, judgementColumns(suffix, func(d *athleteDay) *periods.Judgement { return &window(d).Judgement })...)
	}
	return append(all, loadColumns()...)
}

func sumColumns(suffix string, of func(*athleteDay) *periods.Sums) []dayColumn {
	return []dayColumn{
		perDay("sessions"+suffix, func(d *athleteDay) uint32 { return of(d).Sessions }),
		perDay("hr_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).HRSessions }),
		perDay("easy_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).EasySessions }),
		perDay("moderate_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).ModerateSessions }),
		perDay("hard_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).HardSessions }),
		perDay("distance_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).DistanceSessions }),
		perDay("pace_sessions"+suffix, func(d *athleteDay) uint32 { return of(d).PaceSessions }),
		perDay("timer_ms"+suffix, func(d *athleteDay) int64 { return of(d).TimerMs }),
		perDay("classified_ms"+suffix, func(d *athleteDay) int64 { return of(d).ClassifiedMs }),
		perDay("low_ms"+suffix, func(d *athleteDay) int64 { return of(d).LowMs }),
		perDay("moderate_ms"+suffix, func(d *athleteDay) int64 { return of(d).ModerateMs }),
		perDay("high_ms"+suffix, func(d *athleteDay) int64 { return of(d).HighMs }),
		perDay("pace_low_ms"+suffix, func(d *athleteDay) int64 { return of(d).PaceLowMs }),
		perDay("pace_moderate_ms"+suffix, func(d *athleteDay) int64 { return of(d).PaceModerateMs }),
		perDay("pace_high_ms"+suffix, func(d *athleteDay) int64 { return of(d).PaceHighMs }),
		perDay("distance_m"+suffix, func(d *athleteDay) float64 { return of(d).DistanceM }),
	}
}

func judgementColumns(suffix string, of func(*athleteDay) *periods.Judgement) []dayColumn {
	return []dayColumn{
		perDay("known_ms"+suffix, func(d *athleteDay) int64 { return of(d).KnownMs }),
		perDay("polarization_index"+suffix, func(d *athleteDay) *float64 { return of(d).Polarization }),
		perDay("label"+suffix, func(d *athleteDay) string { return string(of(d).Label) }),
		perDay("verdict"+suffix, func(d *athleteDay) string { return string(of(d).Verdict) }),
		perDay("reason"+suffix, func(d *athleteDay) string { return string(of(d).Reason) }),
		perDay("pace_verdict"+suffix, func(d *athleteDay) string { return string(of(d).PaceVerdict) }),
		perDay("pace_reason"+suffix, func(d *athleteDay) string { return string(of(d).PaceReason) }),
	}
}

func loadColumns() []dayColumn {
	return []dayColumn{
		perDay("load_model", func(d *athleteDay) string { return string(d.Load.Model) }),
		perDay("load", func(d *athleteDay) *float64 { return d.Load.Load }),
		perDay("unknown_sessions", func(d *athleteDay) uint32 { return d.Load.Unknown }),
		perDay("unknown_7d", func(d *athleteDay) uint32 { return d.Load.Unknown7 }),
		perDay("unknown_42d", func(d *athleteDay) uint32 { return d.Load.Unknown42 }),
		perDay("load_7d", func(d *athleteDay) *float64 { return d.Load.Week }),
		perDay("ctl", func(d *athleteDay) *float64 { return d.Load.Chronic }),
		perDay("atl", func(d *athleteDay) *float64 { return d.Load.Acute }),
		perDay("tsb", func(d *athleteDay) *float64 { return d.Load.Balance }),
		perDay("monotony", func(d *athleteDay) *float64 { return d.Load.Monotony }),
		perDay("strain", func(d *athleteDay) *float64 { return d.Load.Strain }),
		perDay("acwr", func(d *athleteDay) *float64 { return d.Load.Ratio }),
	}
}

// fingerprints returns a number for each day that changes with any of its
// columns.
func fingerprints(days []athleteDay, columns []dayColumn) []uint64 {
	sums := make([]uint64, len(days))
	for _, c := range columns {
		seed := hashText(c.name) // columns may come in any order
		switch list := c.values(days).(type) {
		case []string:
			mixAll(sums, list, seed, hashText)
		case []time.Time:
			mixAll(sums, list, seed, func(v time.Time) uint64 { return uint64(v.Unix()) }) //nolint:gosec // bits are kept
		case []bool:
			mixAll(sums, list, seed, func(v bool) uint64 {
				if v {
					return 1
				}
				return 2
			})
		case []uint32:
			mixAll(sums, list, seed, func(v uint32) uint64 { return uint64(v) })
		case []int64:
			mixAll(sums, list, seed, func(v int64) uint64 { return uint64(v) }) //nolint:gosec // bits are kept
		case []float64:
			mixAll(sums, list, seed, math.Float64bits)
		case []*float64:
			mixAll(sums, list, seed, func(v *float64) uint64 {
				if v == nil {
					return 3
				}
				return math.Float64bits(*v)
			})
		default:
			panic("a column of days has a type without a fingerprint: " + c.name)
		}
	}
	return sums
}

// mixAll adds the values of a column to the sums; sums of columns commute.
func mixAll[T any](sums []uint64, list []T, seed uint64, of func(T) uint64) {
	for i, v := range list {
		sums[i] += scramble(scramble(seed) ^ of(v))
	}
}

// scramble spreads the bits of a number (SplitMix64, Steele 2014).
func scramble(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

func hashText(s string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return bits.RotateLeft64(h, 32)
}
