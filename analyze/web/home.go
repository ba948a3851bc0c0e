package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"plodwatch/analyze/store"
)

// callRow is a row of who_needs_a_call.
type callRow struct {
	Athlete     string     `ch:"athlete_id"`
	NeedsACall  bool       `ch:"needs_a_call"`
	Why         string     `ch:"why"`
	LastDay     *time.Time `ch:"last_session_day"`
	DaysWithout *int32     `ch:"days_without_data"`
	Sessions    uint32     `ch:"sessions_28d"`
	Hours       float64    `ch:"hours_28d"`
	LowShare    *float64   `ch:"low_share_28d"`
	EasyShare   *float64   `ch:"easy_session_share_28d"`
	Verdict     string     `ch:"verdict_28d"`
	Reason      string     `ch:"reason_28d"`
	Violations  uint64     `ch:"violations_28d"`
	LastWarning *string    `ch:"last_warning"`
}

// LastSeen says when the last session was.
func (r *callRow) LastSeen() string {
	switch {
	case r.DaysWithout == nil:
		return "never"
	case *r.DaysWithout <= 0:
		return "today"
	case *r.DaysWithout == 1:
		return "yesterday"
	}
	return fmt.Sprintf("%d days ago", *r.DaysWithout)
}

const callSQL = `SELECT athlete_id, needs_a_call, why, last_session_day, days_without_data, sessions_28d, hours_28d, low_share_28d,
		easy_session_share_28d, verdict_28d, reason_28d, violations_28d, last_warning
	FROM who_needs_a_call ORDER BY needs_a_call DESC, length(reasons) DESC, athlete_id`

// homeData is what the first page shows to who looks after several athletes.
type homeData struct {
	Athletes []*callRow
	Calls    int
}

// home leads to the athlete when there is one, and lists them when there are
// more: those to call first.
func (w *Web) home(v *visit) error {
	if !v.visitor.All {
		v.toOverviewOf(string(v.visitor.Athlete))
		return nil
	}
	var data homeData
	var rows []callRow
	if err := v.sql(&rows, callSQL, store.Parameters{}); err != nil {
		return err
	}
	for i := range rows {
		data.Athletes = append(data.Athletes, &rows[i])
	}
	switch len(data.Athletes) {
	case 0:
		v.toOverviewOf(string(v.visitor.Athlete))
		return nil
	case 1:
		v.toOverviewOf(data.Athletes[0].Athlete)
		return nil
	}
	for i := range data.Athletes {
		if data.Athletes[i].NeedsACall {
			data.Calls++
		}
	}
	return v.render("home", "Who needs a call", data)
}

// toOverviewOf leads to an athlete's overview.
func (v *visit) toOverviewOf(athlete string) {
	http.Redirect(v.w, v.r, "/a/"+url.PathEscape(athlete)+"/", http.StatusSeeOther)
}
