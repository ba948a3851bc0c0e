package store

import (
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/periods"
	"plodwatch/analyze/signs"
)

// spanRow is a row of athlete_spans_versions.
type spanRow struct {
	AthleteID            string      `ch:"athlete_id"`
	FirstDay             time.Time   `ch:"first_day"`
	LastDay              time.Time   `ch:"last_day"`
	LastSessionID        uuid.UUID   `ch:"last_session_id"`
	LastStartedAt        int64       `ch:"last_started_at"`
	Sessions             uint64      `ch:"sessions"`
	Sessions28d          []uint32    `ch:"sessions_28d"`
	TimerMs28d           []int64     `ch:"timer_ms_28d"`
	LowShare28d          []*float64  `ch:"low_share_28d"`
	EasySessionShare28d  []*float64  `ch:"easy_session_share_28d"`
	HardSessions28d      []uint32    `ch:"hard_sessions_28d"`
	Verdict28d           []string    `ch:"verdict_28d"`
	Reason28d            []string    `ch:"reason_28d"`
	CTL                  []*float64  `ch:"ctl"`
	ATL                  []*float64  `ch:"atl"`
	TSB                  []*float64  `ch:"tsb"`
	Monotony             []*float64  `ch:"monotony"`
	DoubtfulDay          []time.Time `ch:"doubtful_day"`
	DoubtfulOverEasy     []uint32    `ch:"doubtful_over_easy"`
	DoubtfulDrifted      []uint32    `ch:"doubtful_drifted"`
	CandidateSessionID   []uuid.UUID `ch:"candidate_session_id"`
	CandidateDay         []time.Time `ch:"candidate_day"`
	CandidateSport       []string    `ch:"candidate_sport"`
	CandidateObserved    []float64   `ch:"candidate_observed"`
	CandidateUsed        []*float64  `ch:"candidate_used"`
	CandidateSource      []string    `ch:"candidate_source"`
	CandidateDoubtful    []bool      `ch:"candidate_doubtful"`
	CandidateSupportedBy []uint64    `ch:"candidate_supported_by"`
	Inputs               uint64      `ch:"inputs"`
	DaysVersion          uint32      `ch:"days_version"`
	Version              uint64      `ch:"version"`
}

// addSessions fills the first and the last session, of those in from, and what
// follows from the days.
func (row *spanRow) addSessions(from *dayInputs, days []periods.Day) {
	row.FirstDay, row.LastDay = dayTime(days[0].Day), dayTime(days[len(days)-1-periods.TailDays].Day)
	row.LastSessionID, row.LastStartedAt = from.lastID, from.lastMs
	row.Sessions = uint64(len(from.sessions))
	row.addDays(days)
	row.addCandidates(from.peaks)
}

// addDays fills what is asked of all athletes at once: the state on the day of
// the last session and on each day after it, and the days on which easy
// sessions may have been broken.
func (row *spanRow) addDays(days []periods.Day) {
	ahead := days[max(0, len(days)-1-periods.TailDays):]
	for i := range ahead {
		d := &ahead[i]
		m := &d.Month
		row.Sessions28d = append(row.Sessions28d, m.Sessions)
		row.TimerMs28d = append(row.TimerMs28d, m.TimerMs)
		row.LowShare28d = append(row.LowShare28d, share(m.LowMs, m.KnownMs))
		row.EasySessionShare28d = append(row.EasySessionShare28d, share(m.EasySessions, m.EasySessions+m.ModerateSessions+m.HardSessions))
		row.HardSessions28d = append(row.HardSessions28d, m.HardSessions)
		row.Verdict28d = append(row.Verdict28d, string(m.Verdict))
		row.Reason28d = append(row.Reason28d, string(m.Reason))
		row.CTL = append(row.CTL, d.Load.Chronic)
		row.ATL = append(row.ATL, d.Load.Acute)
		row.TSB = append(row.TSB, d.Load.Balance)
		row.Monotony = append(row.Monotony, d.Load.Monotony)
	}
	last := len(days) - 1 - periods.TailDays
	for i := max(0, last-27); i <= last; i++ {
		if d := &days[i]; d.OverEasySessions+d.DriftedSessions > 0 {
			row.DoubtfulDay = append(row.DoubtfulDay, dayTime(d.Day))
			row.DoubtfulOverEasy = append(row.DoubtfulOverEasy, d.OverEasySessions)
			row.DoubtfulDrifted = append(row.DoubtfulDrifted, d.DriftedSessions)
		}
	}
}

// peak is the highest heart rate of a session, and which session it is.
type peak struct {
	signs.Peak
	id       uuid.UUID
	day      time.Time
	sport    string
	source   string // of the maximum used
	doubtful bool
}

// judge fills what is stored of the session's intensity, nil when nothing is.
func (p *peak) judge(of *dayIntensity) {
	if of == nil {
		p.Rises = true
		return
	}
	p.Used, p.source = of.HRMax, of.HRMaxSource
	p.Rises = intensity.HRMaxSource(of.HRMaxSource) == intensity.HRMaxObserved
}

// addCandidates fills the sessions whose highest heart rate is proposed as a
// new maximum.
func (row *spanRow) addCandidates(peaks []peak) {
	plain := make([]signs.Peak, len(peaks))
	for i := range peaks {
		plain[i] = peaks[i].Peak
	}
	for _, c := range signs.Candidates(plain) {
		p := &peaks[c.Index]
		row.CandidateSessionID = append(row.CandidateSessionID, p.id)
		row.CandidateDay = append(row.CandidateDay, p.day)
		row.CandidateSport = append(row.CandidateSport, p.sport)
		row.CandidateObserved = append(row.CandidateObserved, p.Observed)
		row.CandidateUsed = append(row.CandidateUsed, p.Used)
		row.CandidateSource = append(row.CandidateSource, p.source)
		row.CandidateDoubtful = append(row.CandidateDoubtful, p.doubtful)
		row.CandidateSupportedBy = append(row.CandidateSupportedBy, uint64(c.SupportedBy)) //nolint:gosec // not negative
	}
}

func share[T int64 | uint32](part, whole T) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(part) / float64(whole)
	return &v
}
