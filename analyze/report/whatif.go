package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Comparison says what other settings would change. Its JSON keys are stable.
type Comparison struct {
	Athlete         schema.AthleteID `json:"athlete_id"`
	ValidFrom       string           `json:"valid_from"`
	Settings        schema.Settings  `json:"settings"`
	SessionsCovered int              `json:"sessions_covered"` // would be analyzed again
	SessionsChanged int              `json:"sessions_changed"` // of those, would get another answer
	WeeksChanged    int              `json:"weeks_changed"`
	Sessions        []Compared       `json:"sessions"` // all that are covered, in the order of their start
	Weeks           []ComparedWeek   `json:"weeks"`    // those that hold one of them
}

// ComparedWeek is a week before and after.
type ComparedWeek struct {
	Week    string     `json:"week"` // ISO year and week of its fourth day
	Start   string     `json:"week_start"`
	Changed bool       `json:"changed"`
	Before  WeekAnswer `json:"before"`
	After   WeekAnswer `json:"after"`
}

// WeekAnswer is what is said of a week; see the view weekly_intensity.
type WeekAnswer struct {
	Sessions         int      `json:"sessions"`
	EasySessions     int      `json:"easy_sessions"`
	ModerateSessions int      `json:"moderate_sessions"`
	HardSessions     int      `json:"hard_sessions"`
	LowShare         *float64 `json:"low_share"`
	Verdict          string   `json:"verdict"`
	Reason           string   `json:"reason"`
	PaceSessions     int      `json:"pace_sessions"` // runs judged by the threshold pace
	PaceLowShare     *float64 `json:"pace_low_share"`
	PaceVerdict      string   `json:"pace_verdict"`
	PaceReason       string   `json:"pace_reason"`
}

// Compared is one session before and after.
type Compared struct {
	SessionID string       `json:"session_id"`
	Sport     schema.Sport `json:"sport"`
	StartedAt time.Time    `json:"started_at"` // with the local offset
	TimerS    float64      `json:"timer_s"`
	Changed   bool         `json:"changed"`
	Before    *Answer      `json:"before"` // null when nothing is stored yet
	After     Answer       `json:"after"`
}

// Answer is what is said of a session under one set of settings; null means
// there is no answer, and Verdict says why.
type Answer struct {
	LocalDay   string            `json:"local_day"`
	SettingsID string            `json:"settings_id"`
	HRMax      *float64          `json:"hr_max"`
	LowS       *float64          `json:"low_s"`
	ModerateS  *float64          `json:"moderate_s"`
	HighS      *float64          `json:"high_s"`
	LowShare   *float64          `json:"low_share"`
	Class      *intensity.Class  `json:"session_class"`
	Label      intensity.Label   `json:"label"`
	CapOK      *bool             `json:"cap_ok"`
	Pace       *PaceAnswer       `json:"pace"` // null when it is no run, or no threshold pace is set
	Verdict    intensity.Verdict `json:"verdict"`
}

// PaceAnswer is a run by its threshold pace; see the view intensity.
type PaceAnswer struct {
	ThresholdSPerKm float64  `json:"threshold_pace_s_per_km"`
	LowS            float64  `json:"low_s"`
	ModerateS       float64  `json:"moderate_s"`
	HighS           float64  `json:"high_s"`
	LowShare        *float64 `json:"low_share"`
}

// Compare puts changes of sessions and of their weeks into a comparison.
func Compare(s schema.Settings, changes []analyze.Change, weeks []analyze.WeekChange) *Comparison {
	out := &Comparison{
		Athlete: s.Athlete, ValidFrom: s.ValidFrom.String(), Settings: s,
		SessionsCovered: len(changes), Sessions: []Compared{}, Weeks: []ComparedWeek{},
	}
	for i := range changes {
		c := &changes[i]
		zone := time.FixedZone(offsetText(c.UTCOffsetS), int(c.UTCOffsetS))
		one := Compared{
			SessionID: c.ID.String(), Sport: c.Sport, StartedAt: time.UnixMilli(c.StartMs).In(zone), TimerS: seconds(c.TimerMs),
			Changed: c.Changed(), After: answerOf(&c.After, c.DayAfter),
		}
		if c.Before != nil {
			before := answerOf(c.Before, c.DayBefore)
			one.Before = &before
		}
		if one.Changed {
			out.SessionsChanged++
		}
		out.Sessions = append(out.Sessions, one)
	}
	for i := range weeks {
		w := compareWeek(&weeks[i])
		if w.Changed {
			out.WeeksChanged++
		}
		out.Weeks = append(out.Weeks, w)
	}
	return out
}

func compareWeek(c *analyze.WeekChange) ComparedWeek {
	year, week := time.Unix(int64(c.Start+3)*24*60*60, 0).UTC().ISOWeek()
	return ComparedWeek{
		Week: fmt.Sprintf("%d-W%02d", year, week), Start: c.Start.String(), Changed: c.Before != c.After,
		Before: weekAnswer(&c.Before), After: weekAnswer(&c.After),
	}
}

func weekAnswer(w *analyze.WeekSum) WeekAnswer {
	a := WeekAnswer{Sessions: w.Sessions, EasySessions: w.Easy, ModerateSessions: w.Moderate, HardSessions: w.Hard}
	a.LowShare = shareOf(w.LowMs, w.KnownMs())
	a.Verdict, a.Reason = w.Verdict()
	a.PaceSessions = w.PaceSessions
	a.PaceLowShare = shareOf(w.PaceLowMs, w.PaceKnownMs())
	a.PaceVerdict, a.PaceReason = w.PaceVerdict()
	return a
}

func shareOf(part, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	share := float64(part) / float64(whole)
	return &share
}

func answerOf(j *analyze.Judgement, day schema.Day) Answer {
	a := Answer{
		LocalDay: day.String(), SettingsID: j.SettingsID, HRMax: j.HRMax, LowShare: j.LowShare,
		Class: orNull(j.Class, intensity.ClassNone), Label: j.Label, CapOK: j.CapOK, Verdict: j.Verdict,
	}
	if j.LowShare != nil {
		low, moderate, high := seconds(j.LowMs), seconds(j.ModerateMs), seconds(j.HighMs)
		a.LowS, a.ModerateS, a.HighS = &low, &moderate, &high
	}
	if p := &j.Pace; p.Threshold > 0 {
		a.Pace = &PaceAnswer{
			ThresholdSPerKm: p.Threshold, LowS: seconds(p.LowMs), ModerateS: seconds(p.ModerateMs), HighS: seconds(p.HighMs),
			LowShare: shareOf(p.LowMs, p.TotalMs()),
		}
	}
	return a
}

// WriteText writes the comparison for people: the sessions that would change.
func (c *Comparison) WriteText(w io.Writer) error {
	l := &lines{w: w}
	l.printf("%s would be analyzed again; %d of them would change.\n", count(c.SessionsCovered, "session"), c.SessionsChanged)
	if c.SessionsChanged > 0 {
		var rows [][]string
		for i := range c.Sessions {
			if s := &c.Sessions[i]; s.Changed {
				rows = append(rows, s.row())
			}
		}
		l.printf("\n")
		l.table("lllrrlrl", []string{"day", "session", "sport", "time", "low share", "class", "max HR", "what changes"}, rows)
	}
	if len(c.Weeks) > 0 {
		l.printf("\n%d of %s with these sessions would change.\n", c.WeeksChanged, count(len(c.Weeks), "week"))
	}
	if c.WeeksChanged > 0 {
		l.printf("\n")
		c.weekTable(l)
	}
	l.printf("\nNothing was stored.\n")
	return l.err
}

// weekTable writes the weeks that would change, by pace as well where a run of
// them is judged by it.
func (c *Comparison) weekTable(l *lines) {
	paced := slices.ContainsFunc(c.Weeks, func(w ComparedWeek) bool { return w.Changed && w.Before.PaceSessions+w.After.PaceSessions > 0 })
	align, head := "llrll", []string{"week", "from", "low share", "easy/mod/hard", "verdict"}
	if paced {
		align, head = align+"rl", append(head, "low by pace", "verdict by pace")
	}
	var rows [][]string
	for i := range c.Weeks {
		w := &c.Weeks[i]
		if !w.Changed {
			continue
		}
		row := []string{
			w.Week, w.Start, arrow(shareText(w.Before.LowShare), shareText(w.After.LowShare)),
			arrow(w.Before.classes(), w.After.classes()),
			arrow(verdictWords(w.Before.Verdict, w.Before.Reason), verdictWords(w.After.Verdict, w.After.Reason)),
		}
		if paced {
			row = append(row, arrow(shareText(w.Before.PaceLowShare), shareText(w.After.PaceLowShare)),
				arrow(paceVerdictWords(w.Before.PaceVerdict, w.Before.PaceReason), paceVerdictWords(w.After.PaceVerdict, w.After.PaceReason)))
		}
		rows = append(rows, row)
	}
	l.table(align, head, rows)
}

func (a *WeekAnswer) classes() string {
	return fmt.Sprintf("%d/%d/%d of %d", a.EasySessions, a.ModerateSessions, a.HardSessions, a.Sessions)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (s *Compared) row() []string {
	before := s.Before
	if before == nil {
		before = &Answer{LocalDay: s.After.LocalDay, Verdict: "not analyzed"}
	}
	return []string{
		s.After.LocalDay, s.SessionID[:8], plain(string(s.Sport)), clock(s.TimerS),
		arrow(shareText(before.LowShare), shareText(s.After.LowShare)),
		arrow(classText(before.Class), classText(s.After.Class)),
		arrow(bpmText(before.HRMax), bpmText(s.After.HRMax)),
		strings.Join(s.changes(before), ", "),
	}
}

// changes names what is said otherwise.
func (s *Compared) changes(before *Answer) []string {
	var all []string
	note := func(differs bool, text string) {
		if differs {
			all = append(all, text)
		}
	}
	note(before.Verdict != s.After.Verdict, "verdict "+arrow(string(before.Verdict), string(s.After.Verdict)))
	note(classText(before.Class) != classText(s.After.Class), "class")
	note(before.Label != s.After.Label && before.Label != "", "label "+arrow(string(before.Label), string(s.After.Label)))
	note(yesNo(before.CapOK) != yesNo(s.After.CapOK), "cap ok "+arrow(yesNo(before.CapOK), yesNo(s.After.CapOK)))
	note(before.LocalDay != s.After.LocalDay, "day "+arrow(before.LocalDay, s.After.LocalDay))
	if b, a := before.Pace.lowText(), s.After.Pace.lowText(); b != a {
		note(true, "low by pace "+arrow(b, a))
	}
	if len(all) == 0 {
		all = append(all, "low share")
	}
	return all
}

// lowText is the low share by pace.
func (p *PaceAnswer) lowText() string {
	if p == nil {
		return "-"
	}
	return shareText(p.LowShare)
}

// arrow writes what it was and what it would be; once when it stays.
func arrow(before, after string) string {
	if before == after {
		return after
	}
	none := func(s string) string { return cmp.Or(strings.TrimPrefix(s, "-"), "none") }
	return none(before) + " -> " + none(after)
}

func shareText(v *float64) string {
	if v == nil {
		return "-"
	}
	return percent(*v)
}

func classText(c *intensity.Class) string {
	if c == nil {
		return "-"
	}
	return string(*c)
}

func bpmText(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v)
}

func yesNo(v *bool) string {
	switch {
	case v == nil:
		return "-"
	case *v:
		return "yes"
	}
	return "no"
}
