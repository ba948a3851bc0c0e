package web

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// sessionData is what the page of a session shows.
type sessionData struct {
	*report.Explanation

	Row      *store.Summary
	Head     string // the step that decided, in words
	Decided  bool   // whether there is a verdict
	Budget   []budgetPart
	HR       *curvePicture
	Speed    *curvePicture
	Hidden   int    // exclusions that are not listed
	Address  string // of the curves as JSON
	CopyOf   *copyRow
	Copies   []copyRow
	Rejected bool // whether some heart rates were rejected and are drawn
}

// AllExcluded is how many exclusions there are, listed or not.
func (d *sessionData) AllExcluded() int { return len(d.Excluded) + d.Hidden }

// OnFoot reports whether the speed is shown as pace.
func (d *sessionData) OnFoot() bool { return onFoot(d.Sport) }

// Pace is the seconds a kilometre took on average, 0 when it is not to be shown.
func (d *sessionData) Pace() float64 {
	if d.Row.PaceSPerKm == nil || !d.OnFoot() {
		return 0
	}
	return *d.Row.PaceSPerKm
}

// copyRow is a row of duplicates.
type copyRow struct {
	Session    uuid.UUID  `ch:"session_id"`
	Of         *uuid.UUID `ch:"duplicate_of"`
	Reason     string     `ch:"reason"`
	Confidence float32    `ch:"confidence"`
	Format     string     `ch:"format"`
}

// Percent is how sure it is, in percent.
func (c *copyRow) Percent() float32 { return 100 * c.Confidence }

// Why says why a session counts as a copy.
func (c *copyRow) Why() string {
	switch c.Reason {
	case "same_start":
		return "they start within three minutes of each other"
	case "overlap":
		return "they overlap by half of the shorter one"
	case "shifted_clock":
		return "they are the same but for whole quarter hours"
	case "person":
		return "somebody said so"
	}
	return c.Reason
}

const copiesSQL = `SELECT session_id, duplicate_of, toString(reason) AS reason, confidence, toString(format) AS format
	FROM duplicates WHERE athlete_id = {athlete:String} AND (session_id = {session:UUID} OR duplicate_of = {session:UUID})
	ORDER BY started_at, session_id`

// budgetPart is a part of the time budget, with its place in a bar 100 wide.
type budgetPart struct {
	Class, Name string
	Seconds     float64
	Share       float64
	X, Width    float64
}

// budgetOf splits the elapsed time; nil when there is none.
func budgetOf(t *report.TimeBudget) []budgetPart {
	if t.ElapsedS <= 0 {
		return nil
	}
	all := []budgetPart{
		{Class: "counted", Name: "counts", Seconds: t.ClassifiedS},
		{Class: "nohr", Name: "without heart rate", Seconds: t.NoHRS},
		{Class: "rejected", Name: "heart rate rejected", Seconds: t.RejectedHRS},
		{Class: "gap", Name: "gaps: nothing recorded", Seconds: t.GapS},
		{Class: "paused", Name: "paused", Seconds: t.PausedS},
	}
	x := 0.0
	for i := range all {
		p := &all[i]
		p.Share = p.Seconds / t.ElapsedS
		p.X, p.Width = x, 100*p.Share
		x += p.Width
	}
	return all
}

// sessionKey reads the session from the address.
func (v *visit) sessionKey() (analyze.SessionKey, error) {
	id, err := schema.ParseSessionID(v.r.PathValue("session"))
	if err != nil {
		return analyze.SessionKey{}, errNotFound
	}
	return analyze.SessionKey{Athlete: v.athlete, ID: id}, nil
}

func sessionParameters(key analyze.SessionKey) store.Parameters {
	return store.Parameters{"athlete": string(key.Athlete), "session": key.ID.String()}
}

// explained works the session out again.
func (v *visit) explained(key analyze.SessionKey) (*analyze.Explained, error) {
	st, err := v.tables()
	if err != nil {
		return nil, err
	}
	x, err := analyze.Explain(v.r.Context(), st, v.web.deps.Places, key)
	if errors.Is(err, analyze.ErrNoSession) {
		return nil, errNotFound
	}
	return x, err
}

// mostExcluded is how many exclusions a page lists.
const mostExcluded = 40

// session shows one session: its curves, its zones beside the watch's, where
// its time went, and how the verdict came about.
func (w *Web) session(v *visit) error {
	key, err := v.sessionKey()
	if err != nil {
		return err
	}
	x, err := v.explained(key)
	if err != nil {
		return err
	}
	data := &sessionData{Explanation: report.Explain(x), Address: v.r.URL.Path + "/curves.json"}
	data.Budget = budgetOf(&data.Time)
	data.Head, data.Decided = headline(data.Explanation)
	if n := len(data.Excluded); n > mostExcluded {
		data.Hidden, data.Excluded = n-mostExcluded, longest(data.Excluded, mostExcluded)
	}
	c := curvesOf(x, stretchesOfPicture)
	data.HR, data.Speed = hrPicture(c), speedPicture(c)
	data.Rejected = len(c.Rejected.T) > 0
	if err := v.copies(key, data); err != nil {
		return err
	}
	st, err := v.tables()
	if err != nil {
		return err
	}
	found, err := st.FindSession(v.r.Context(), key.ID.String())
	if err != nil {
		return err
	}
	for i := range found {
		if found[i].Athlete == string(key.Athlete) {
			data.Row = &found[i]
		}
	}
	if data.Row == nil {
		return errNotFound
	}
	return v.render("session", sessionTitle(data.Row), data)
}

func sessionTitle(s *store.Summary) string {
	return s.Sport + " " + s.StartedAt.In(time.FixedZone("", int(s.UTCOffsetS))).Format("2 Jan 2006 15:04")
}

// headline is the rule that made the verdict.
func headline(x *report.Explanation) (words string, decided bool) {
	for i := range x.Steps {
		if x.Steps[i].Rule == "session_class" {
			return x.Steps[i].Text, true
		}
	}
	for i := range x.Steps {
		if !x.Steps[i].Holds {
			return x.Steps[i].Text, false
		}
	}
	return "", false
}

// longest returns so many of the longest exclusions, in the order of time.
func longest(all []report.Excluded, n int) []report.Excluded {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b report.Excluded) int { return cmp.Compare(b.Seconds, a.Seconds) })
	order = order[:n]
	slices.SortFunc(order, func(a, b report.Excluded) int { return a.From.Compare(b.From) })
	return order
}

// copies tells whether the session is a copy, and which copies it has.
func (v *visit) copies(key analyze.SessionKey, data *sessionData) error {
	var rows []copyRow
	if err := v.sql(&rows, copiesSQL, sessionParameters(key)); err != nil {
		return err
	}
	for i := range rows {
		if rows[i].Session == uuid.UUID(key.ID) {
			data.CopyOf = &rows[i]
		} else {
			data.Copies = append(data.Copies, rows[i])
		}
	}
	return nil
}
