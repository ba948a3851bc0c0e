package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// Where athletes' settings are.
const (
	pathAthlete = "/a/{athlete}/athlete"
	pathWhatIf  = "/a/{athlete}/athlete/what-if"
)

// athleteData is what the page about athletes shows.
type athleteData struct {
	Call       *callRow // of this athlete, nil without sessions
	All        []athleteLine
	Dated      []datedSettings
	Candidates []candidate
	Form       settingsForm
	Fault      string // of the form
	Done       string // what was stored a moment ago
	Changes    bool   // settings can be changed here
	Tokens     []Token
	Secret     string // of the token that was made a moment ago
	Made       Token
	TokenFault string
}

// athleteLine is an athlete in the list of all.
type athleteLine struct {
	callRow

	HRMax *float64 // that is set, of today
}

// candidate is a row of hr_max_candidates.
type candidate struct {
	SessionID   uuid.UUID `ch:"session_id"`
	Day         time.Time `ch:"day"`
	Sport       string    `ch:"sport"`
	Observed    float64   `ch:"observed_hr_max"`
	Used        *float64  `ch:"hr_max_used"`
	Doubtful    bool      `ch:"doubtful"`
	SupportedBy uint64    `ch:"supported_by"`
}

const candidatesSQL = `SELECT session_id, day, toString(sport) AS sport, observed_hr_max, hr_max_used, doubtful, supported_by
	FROM hr_max_candidates WHERE athlete_id = {athlete:String} ORDER BY observed_hr_max DESC, day DESC LIMIT 10`

// datedSettings are settings and when they hold.
type datedSettings struct {
	schema.Settings

	SetAt time.Time
	Until schema.Day // the last day; 0 = until now
}

// From says from when they hold.
func (d *datedSettings) From() string {
	if d.ValidFrom <= 0 {
		return "the beginning"
	}
	return d.ValidFrom.String()
}

// athletePage shows what is known of an athlete.
func (w *Web) athletePage(v *visit) error {
	data, err := w.athleteOf(v)
	if err != nil {
		return err
	}
	return v.render("athlete", "Athletes", data)
}

func (w *Web) athleteOf(v *visit) (*athleteData, error) {
	st, err := v.tables()
	if err != nil {
		return nil, err
	}
	data := &athleteData{Changes: w.deps.Settings != nil && v.visitor.MayChange}
	if data.Dated, err = settingsByDate(v.r.Context(), st, v.athlete); err != nil {
		return nil, err
	}
	data.Form = formFor(data.Dated, v.r.URL.Query(), w.deps.Now())
	if err := v.sql(&data.Candidates, candidatesSQL, store.Parameters{"athlete": string(v.athlete)}); err != nil {
		return nil, err
	}
	if err := v.addCalls(data); err != nil {
		return nil, err
	}
	if n, err := strconv.ParseUint(v.r.URL.Query().Get("reanalysed"), 10, 32); err == nil {
		data.Done = "Stored. " + reanalysedText(n)
	}
	if w.deps.Tokens != nil && v.visitor.MayChange {
		data.Tokens, err = w.deps.Tokens.List()
	}
	return data, err
}

func reanalysedText(n uint64) string {
	switch n {
	case 0:
		return "The settings cover no session yet."
	case 1:
		return "They cover 1 session, which was analyzed again."
	}
	return "They cover " + strconv.FormatUint(n, 10) + " sessions, which were analyzed again."
}

// settingsByDate returns an athlete's settings, the latest first.
func settingsByDate(ctx context.Context, st *store.Store, athlete schema.AthleteID) ([]datedSettings, error) {
	all, err := st.Settings(ctx, []schema.AthleteID{athlete})
	if err != nil {
		return nil, err
	}
	var out []datedSettings
	for i, d := range all[athlete] {
		one := datedSettings{Settings: d.Settings, SetAt: time.UnixMilli(int64(d.Version)).UTC()} //nolint:gosec // a time in ms
		if i+1 < len(all[athlete]) {
			one.Until = all[athlete][i+1].ValidFrom - 1
		}
		out = append([]datedSettings{one}, out...)
	}
	return out, nil
}

// addCalls adds who needs a call: this athlete, and all whom a coach sees.
func (v *visit) addCalls(data *athleteData) error {
	var rows []callRow
	if err := v.sql(&rows, callSQL, store.Parameters{}); err != nil {
		return err
	}
	var used []struct {
		Athlete string   `ch:"athlete_id"`
		HRMax   *float64 `ch:"hr_max"`
	}
	const usedSQL = `SELECT athlete_id, argMax(hr_max, valid_from) AS hr_max FROM athlete_settings WHERE valid_from <= today() GROUP BY athlete_id`
	if v.visitor.All {
		if err := v.sql(&used, usedSQL, store.Parameters{}); err != nil {
			return err
		}
	}
	set := make(map[string]*float64, len(used))
	for _, u := range used {
		set[u.Athlete] = u.HRMax
	}
	for i := range rows {
		if rows[i].Athlete == string(v.athlete) {
			data.Call = &rows[i]
		}
		if v.visitor.All {
			data.All = append(data.All, athleteLine{callRow: rows[i], HRMax: set[rows[i].Athlete]})
		}
	}
	return nil
}

// setSettings stores what the form says, after the what-if has shown it.
func (w *Web) setSettings(v *visit) error {
	if w.deps.Settings == nil {
		return errNotFound
	}
	if err := v.r.ParseForm(); err != nil {
		return err
	}
	s, err := readSettings(v.athlete, v.r.PostForm)
	if err != nil {
		return w.badSettings(v, v.r.PostForm, err)
	}
	// Who leaves the page does not undo half of it.
	n, err := w.deps.Settings.SetSettings(context.WithoutCancel(v.r.Context()), s)
	if err != nil {
		return err
	}
	q := url.Values{"reanalysed": {strconv.Itoa(n)}}
	http.Redirect(v.w, v.r, v.r.URL.Path+"?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// badSettings shows the form once more, with what is wrong.
func (w *Web) badSettings(v *visit, q url.Values, fault error) error {
	if errors.Is(fault, analyze.ErrNotNow) {
		return fault
	}
	data, err := w.athleteOf(v)
	if err != nil {
		return err
	}
	data.Form, data.Fault = formOf(q), fault.Error()
	v.status = http.StatusBadRequest
	return v.render("athlete", "Athletes", data)
}
