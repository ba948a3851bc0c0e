package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// perPage is how many sessions a page of the list holds.
const perPage = 50

// sessionFilter is what the visitor looks for, as it stands in the address.
type sessionFilter struct {
	Sport, Class, HR, From, To string
	Page                       int // from 1
}

// listed is what every list of sessions shows of one.
type listed struct {
	SessionID  uuid.UUID `ch:"session_id"`
	Sport      string    `ch:"sport"`
	SubSport   string    `ch:"sub_sport"`
	StartedAt  time.Time `ch:"started_at"`
	UTCOffsetS int32     `ch:"utc_offset_s"`
	TimerS     float64   `ch:"timer_s"`
	DistanceM  *float64  `ch:"distance_m"`
	HRAvg      *float64  `ch:"hr_avg"`
	LowS       *float64  `ch:"low_s"`
	ModerateS  *float64  `ch:"moderate_s"`
	HighS      *float64  `ch:"high_s"`
	Above60S   *float64  `ch:"above60_s"`
	Class      *string   `ch:"session_class"`
	Verdict    string    `ch:"verdict"`
}

// Split is the bar of low, moderate and high time.
func (l *listed) Split() *splitBar { return splitOf(l.LowS, l.ModerateS, l.HighS) }

// Was says how hard it was, or why that is not known.
func (l *listed) Was() string { return wasText(l.Class, l.Verdict) }

// sessionRow is one session of the list.
type sessionRow struct {
	listed

	PaceSPerKm *float64 `ch:"pace_s_per_km"`
	HRMax      *uint8   `ch:"hr_max"`
	Broken     bool     `ch:"broken"`
	Copies     uint64   `ch:"copies"`
	All        uint64   `ch:"all"`
}

// OnFoot reports whether the row shows a pace.
func (r *sessionRow) OnFoot() bool { return r.PaceSPerKm != nil && onFoot(schema.Sport(r.Sport)) }

// Above60Min is the time at or above 60 % of max HR, in minutes.
func (r *sessionRow) Above60Min() string {
	if r.Above60S == nil {
		return "–"
	}
	return strconv.FormatFloat(*r.Above60S/60, 'f', 0, 64)
}

const sessionsSQL = `SELECT s.session_id AS session_id, s.sport AS sport, s.sub_sport AS sub_sport, s.started_at AS started_at,
		s.utc_offset_s AS utc_offset_s, s.timer_s AS timer_s, s.distance_m AS distance_m, s.pace_s_per_km AS pace_s_per_km,
		s.hr_avg AS hr_avg, s.hr_max AS hr_max, i.low_s AS low_s, i.moderate_s AS moderate_s, i.high_s AS high_s,
		i.above60_s AS above60_s, i.session_class AS session_class, toString(i.verdict) AS verdict,
		s.session_id IN (SELECT session_id FROM easy_day_violations WHERE athlete_id = {athlete:String}) AS broken,
		(SELECT count() FROM duplicates WHERE athlete_id = {athlete:String}) AS copies,
		count() OVER () AS all
	FROM (SELECT * FROM sessions WHERE athlete_id = {athlete:String}) AS s
	LEFT JOIN (SELECT * FROM intensity WHERE athlete_id = {athlete:String}) AS i ON i.session_id = s.session_id
	WHERE ({sport:String} = '' OR s.sport = {sport:String})
		AND (s.local_day >= {from:Date32} AND s.local_day <= {to:Date32})
		AND multiIf({class:String} = '', 1, {class:String} = 'none', i.verdict != 'ok', {class:String} = 'broken', broken,
			i.verdict = 'ok' AND i.session_class = {class:String})
		AND multiIf({hr:String} = 'with', isNotNull(s.hr_avg), {hr:String} = 'without', isNull(s.hr_avg), 1)
	ORDER BY s.started_at DESC, s.session_id DESC
	LIMIT {limit:UInt64} OFFSET {offset:UInt64}`

// sessionsData is what the list of sessions shows.
type sessionsData struct {
	Filter     sessionFilter
	Sports     []string
	Rows       []*sessionRow
	All        uint64
	Copies     uint64
	From, To   int // of the rows, from 1
	Newer      string
	Older      string
	HasFilters bool
}

// sessions lists sessions, the latest first.
func (w *Web) sessions(v *visit) error {
	f, err := v.filter()
	if err != nil {
		return err
	}
	data := &sessionsData{Filter: f, HasFilters: f.Sport+f.Class+f.HR+f.From+f.To != ""}
	var sports []struct {
		Sport string `ch:"sport"`
	}
	const sportsSQL = `SELECT DISTINCT toString(sport) AS sport FROM sessions WHERE athlete_id = {athlete:String} ORDER BY sport`
	if err := v.sql(&sports, sportsSQL, store.Parameters{"athlete": string(v.athlete)}); err != nil {
		return err
	}
	if len(sports) == 0 {
		return v.render("empty", "Sessions", nil)
	}
	for i := range sports {
		data.Sports = append(data.Sports, sports[i].Sport)
	}
	var rows []sessionRow
	if err := v.sql(&rows, sessionsSQL, v.filterParameters(f)); err != nil {
		return err
	}
	for i := range rows {
		data.Rows = append(data.Rows, &rows[i])
	}
	if len(rows) > 0 {
		data.All, data.Copies = rows[0].All, rows[0].Copies
		data.From = (f.Page-1)*perPage + 1
		data.To = data.From + len(rows) - 1
		if f.Page > 1 {
			data.Newer = f.address(f.Page - 1)
		}
		if uint64(data.To) < data.All { //nolint:gosec // positive
			data.Older = f.address(f.Page + 1)
		}
	}
	return v.render("sessions", "Sessions", data)
}

// filter reads the filter from the address.
func (v *visit) filter() (sessionFilter, error) {
	q := v.r.URL.Query()
	f := sessionFilter{
		Sport: q.Get("sport"), Class: q.Get("class"), HR: q.Get("hr"), From: strings.TrimSpace(q.Get("from")),
		To: strings.TrimSpace(q.Get("to")), Page: 1,
	}
	for _, day := range []string{f.From, f.To} {
		if _, err := schema.ParseDay(day); day != "" && err != nil {
			return f, inputError("A day looks like 2026-03-31.")
		}
	}
	if text := q.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return f, inputError("Pages are counted from 1.")
		}
		f.Page = n
	}
	return f, nil
}

func (v *visit) filterParameters(f sessionFilter) store.Parameters {
	p := store.Parameters{
		"athlete": string(v.athlete), "sport": f.Sport, "class": f.Class, "hr": f.HR, "from": "1900-01-01", "to": "2299-12-31",
		"limit": strconv.Itoa(perPage), "offset": strconv.Itoa((f.Page - 1) * perPage),
	}
	if f.From != "" {
		p["from"] = f.From
	}
	if f.To != "" {
		p["to"] = f.To
	}
	return p
}

// address is that of another page of the same list.
func (f sessionFilter) address(page int) string {
	q := url.Values{}
	for name, value := range map[string]string{"sport": f.Sport, "class": f.Class, "hr": f.HR, "from": f.From, "to": f.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return "?" + q.Encode()
}
