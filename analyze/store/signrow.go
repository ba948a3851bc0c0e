package store

import (
	"time"

	"plodwatch/analyze/signs"
	"plodwatch/schema"
)

// made ends every row that is written only when it differs. It is no part of
// the row's fingerprint.
type made struct {
	RowHash   uint64 `ch:"row_hash" json:"-"`
	IsDeleted uint8  `ch:"is_deleted" json:"-"`
	Version   uint64 `ch:"version" json:"-"`
}

func (m *made) mark(hash, version uint64) { m.RowHash, m.Version = hash, version }

// signalDayRow is a row of signal_days_versions.
type signalDayRow struct {
	AthleteID           string    `ch:"athlete_id"`
	Day                 time.Time `ch:"day"`
	RestingHR           *float64  `ch:"resting_hr"`
	RestingHR7d         *float64  `ch:"resting_hr_7d"`
	RestingHR7dN        uint8     `ch:"resting_hr_7d_n"`
	RestingHRBase       *float64  `ch:"resting_hr_base"`
	RestingHRBaseSD     *float64  `ch:"resting_hr_base_sd"`
	RestingHRBaseN      uint8     `ch:"resting_hr_base_n"`
	RestingHRDaysOver   uint8     `ch:"resting_hr_days_over"`
	RestingHRAdverse    *bool     `ch:"resting_hr_adverse"`
	HRV                 *float64  `ch:"hrv"`
	HRV7d               *float64  `ch:"hrv_7d"`
	HRVBase             *float64  `ch:"hrv_base"`
	HRVBaseSD           *float64  `ch:"hrv_base_sd"`
	Sleep7dH            *float64  `ch:"sleep_7d_h"`
	SleepBaseH          *float64  `ch:"sleep_base_h"`
	Energy              *uint8    `ch:"energy"`
	Energy7d            *float64  `ch:"energy_7d"`
	Energy7dN           uint8     `ch:"energy_7d_n"`
	EnergyBase          *float64  `ch:"energy_base"`
	EnergyBaseN         uint8     `ch:"energy_base_n"`
	EnergyAdverse       *bool     `ch:"energy_adverse"`
	Pace28d             *float64  `ch:"pace_28d"`
	Pace28dN            uint16    `ch:"pace_28d_n"`
	PaceBefore          *float64  `ch:"pace_before"`
	PaceBeforeN         uint16    `ch:"pace_before_n"`
	PaceChangePct       *float64  `ch:"pace_change_pct"`
	PaceAdverse         *bool     `ch:"pace_adverse"`
	Efficiency28d       *float64  `ch:"efficiency_28d"`
	Efficiency28dN      uint16    `ch:"efficiency_28d_n"`
	EfficiencyBefore    *float64  `ch:"efficiency_before"`
	EfficiencyBeforeN   uint16    `ch:"efficiency_before_n"`
	EfficiencyChangePct *float64  `ch:"efficiency_change_pct"`
	EfficiencyAdverse   *bool     `ch:"efficiency_adverse"`
	Decoupling28d       *float64  `ch:"decoupling_28d"`
	Decoupling28dN      uint16    `ch:"decoupling_28d_n"`
	DecouplingBefore    *float64  `ch:"decoupling_before"`
	DecouplingBeforeN   uint16    `ch:"decoupling_before_n"`
	DecouplingChange    *float64  `ch:"decoupling_change"`
	DecouplingAdverse   *bool     `ch:"decoupling_adverse"`
	Monotony            *float64  `ch:"monotony"`
	MonotonyAdverse     *bool     `ch:"monotony_adverse"`
	Adverse             uint8     `ch:"adverse"`
	Known               uint8     `ch:"known"`
	AdverseDays7d       uint8     `ch:"adverse_days_7d"`
	KnownDays7d         uint8     `ch:"known_days_7d"`
	Plods               *bool     `ch:"plods"`
	made
}

func (r *signalDayRow) key() signKey { return signKey{athlete: r.AthleteID, day: r.Day} }

func signalDayRowOf(athlete schema.AthleteID, d *signs.Day) *signalDayRow {
	return &signalDayRow{
		AthleteID: string(athlete), Day: dayTime(d.Day),
		RestingHR: d.RestingHR, RestingHR7d: d.RestingHR7d, RestingHR7dN: d.RestingHR7dN,
		RestingHRBase: d.RestingHRBase, RestingHRBaseSD: d.RestingHRBaseSD, RestingHRBaseN: d.RestingHRBaseN,
		RestingHRDaysOver: d.RestingHRDaysOver, RestingHRAdverse: d.RestingHRAdverse,
		HRV: d.HRV, HRV7d: d.HRV7d, HRVBase: d.HRVBase, HRVBaseSD: d.HRVBaseSD, Sleep7dH: d.Sleep7dH, SleepBaseH: d.SleepBase,
		Energy: d.Energy, Energy7d: d.Energy7d, Energy7dN: d.Energy7dN,
		EnergyBase: d.EnergyBase, EnergyBaseN: d.EnergyBaseN, EnergyAdverse: d.EnergyAdverse,
		Pace28d: d.Pace, Pace28dN: d.PaceRuns, PaceBefore: d.PaceBefore, PaceBeforeN: d.PaceBeforeN,
		PaceChangePct: d.PaceChangePct, PaceAdverse: d.PaceAdverse,
		Efficiency28d: d.Efficiency, Efficiency28dN: d.EfficiencyRuns, EfficiencyBefore: d.EfficiencyBefore, EfficiencyBeforeN: d.EfficiencyBeforeN,
		EfficiencyChangePct: d.EfficiencyChangePct, EfficiencyAdverse: d.EfficiencyAdverse,
		Decoupling28d: d.Decoupling, Decoupling28dN: d.DecouplingRuns, DecouplingBefore: d.DecouplingBefore, DecouplingBeforeN: d.DecouplingBeforeN,
		DecouplingChange: d.DecouplingChange, DecouplingAdverse: d.DecouplingAdverse,
		Monotony: d.Monotony, MonotonyAdverse: d.MonotonyAdverse,
		Adverse: d.Adverse, Known: d.Known, AdverseDays7d: d.AdverseDays7d, KnownDays7d: d.KnownDays7d, Plods: d.Plods,
	}
}

// warningRow is a row of warnings_versions.
type warningRow struct {
	AthleteID string             `ch:"athlete_id"`
	Day       time.Time          `ch:"day"`
	Signal    string             `ch:"signal"`
	Pattern   string             `ch:"pattern"`
	Value     *float64           `ch:"value"`
	Baseline  *float64           `ch:"baseline"`
	Change    *float64           `ch:"change"`
	Unit      string             `ch:"unit"`
	Threshold string             `ch:"threshold"`
	Inputs    map[string]float64 `ch:"inputs"`
	Missing   []string           `ch:"missing"`
	made
}

func (r *warningRow) key() signKey {
	return signKey{athlete: r.AthleteID, day: r.Day, signal: r.Signal}
}

func warningRowOf(athlete schema.AthleteID, w *signs.Warning) *warningRow {
	return &warningRow{
		AthleteID: string(athlete), Day: dayTime(w.Day), Signal: w.Signal, Pattern: w.Pattern,
		Value: w.Value, Baseline: w.Baseline, Change: w.Change, Unit: w.Unit, Threshold: w.Threshold,
		Inputs: w.Inputs, Missing: w.Missing,
	}
}

// signalSpanRow is a row of signal_spans_versions.
type signalSpanRow struct {
	AthleteID    string `ch:"athlete_id"`
	Inputs       uint64 `ch:"inputs"`
	RulesVersion uint32 `ch:"rules_version"`
	Version      uint64 `ch:"version"`
}
