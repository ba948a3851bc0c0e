package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"plodwatch/analyze/store"
)

//go:embed page.gohtml
var pageText string

// Words returns the functions with which templates put figures into words: the
// same words on every page. The map is the caller's.
func Words() template.FuncMap {
	return template.FuncMap{
		"hours": hoursText, "figure": figureText, "verdict": verdictWords, "label": labelOrDash,
		"day": dayText, "signal": signalName, "clock": clock, "join": strings.Join,
		"short": shortDay, "idOf": func(v store.Violation) string { return v.SessionID.String()[:8] },
		"shareOf": func(w store.Week) string { return sharesText(&w) },
		"broken":  func(v store.Violation) string { return violationWords(&v) },
		"reasons": func(w store.ReturnWeek) []string { return append(append([]string{}, w.Reasons...), w.NotJudged...) },
		"plural":  count, "percent": wholePercent, "pace": paceText, "number": number, "signed": signedClock,
		"cause": causeText, "zone": zoneName, "zoneModel": zoneModelText, "offset": offsetText, "offsetSource": offsetSourceText,
		"bpm": fromText, "fine": clockFine, "exact": percent,
	}
}

// WriteHTML writes the report as a page that needs nothing else: no scripts, no
// fonts, no pictures from elsewhere. It reads light and dark, and prints.
func (r *Weeks) WriteHTML(w io.Writer) error {
	page, err := template.New("page").Funcs(Words()).Parse(pageText)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := page.Execute(w, r.page()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// page is what the template is filled with.
type page struct {
	*Weeks

	Summary, Tally, LoadNote string
	LoadModel                string
	Hours, Shares, LoadLines *Chart
	NextWeek                 string
}

func (r *Weeks) page() *page {
	p := &page{Weeks: r, Summary: r.summary(), Tally: r.Tally(), LoadNote: r.loadNote()}
	if n := len(r.Weeks); n > 0 {
		p.Hours, p.Shares, p.LoadLines = HoursChart(r.Weeks), ShareChart(r.Weeks), r.LoadChart()
		if m := r.Weeks[n-1].LoadModel; m != "" && m != "none" {
			p.LoadModel = loadModelText(m)
		}
	}
	if n := len(r.ReturnToRun); n > 0 {
		p.NextWeek = r.ReturnToRun[n-1].NextWeek
	}
	return p
}
