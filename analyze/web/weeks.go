package web

import (
	"strconv"

	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
)

// How many weeks the page of weeks may show; the first is the default.
func weekChoices() [4]int { return [4]int{26, 52, 104, 520} }

// weeksData is what the page of weeks shows.
type weeksData struct {
	*report.Weeks

	Count   int
	Choices []link
	Hours   *report.Chart
	Shares  *report.Chart
	Load    *report.Chart
	Newest  []store.Week // latest first, for the table
}

// weeks shows an athlete's weeks.
func (w *Web) weeks(v *visit) error {
	until, err := v.until()
	if err != nil {
		return err
	}
	count := weekChoices()[0]
	data := &weeksData{}
	for _, n := range weekChoices() {
		if v.r.URL.Query().Get("weeks") == strconv.Itoa(n) {
			count = n
		}
	}
	for _, n := range weekChoices() {
		name := strconv.Itoa(n) + " weeks"
		if n == 520 {
			name = "10 years"
		}
		data.Choices = append(data.Choices, link{name, "?weeks=" + strconv.Itoa(n), n == count})
	}
	st, err := v.tables()
	if err != nil {
		return err
	}
	o, err := st.Overview(v.r.Context(), v.athlete, count, &until)
	if err != nil {
		return err
	}
	if len(o.Weeks) == 0 {
		return v.render("empty", "Weeks", nil)
	}
	data.Weeks, data.Count = report.ForWeeks(v.athlete, o, nil), count
	data.Hours, data.Shares, data.Load = report.HoursChart(o.Weeks), report.ShareChart(o.Weeks), data.LoadChart()
	for i := len(o.Weeks) - 1; i >= 0; i-- {
		data.Newest = append(data.Newest, o.Weeks[i])
	}
	return v.render("weeks", "Weeks", data)
}
