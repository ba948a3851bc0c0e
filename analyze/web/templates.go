package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"strconv"
	"strings"
	"time"

	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
)

//go:embed templates/*
var templateFiles embed.FS

// loadTemplates reads each page's template together with the layout and the
// parts, which are the files whose names begin with '_'.
func (w *Web) loadTemplates() (map[string]*template.Template, error) {
	base, err := template.New("_layout.gohtml").Funcs(w.words()).ParseFS(templateFiles, "templates/_*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/[a-z]*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	all := make(map[string]*template.Template, len(names))
	for _, name := range names {
		shape, err := base.Clone()
		if err == nil {
			shape, err = shape.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		all[strings.TrimSuffix(path.Base(name), ".gohtml")] = shape
	}
	return all, nil
}

// words are the functions of the templates: those of the report, and the
// page's own.
func (w *Web) words() template.FuncMap {
	all := report.Words()
	all["asset"] = w.assets.address
	all["chart"] = func(c *report.Chart, about string) chartData { return chartData{c, about} }
	all["started"] = startedText
	all["km"] = kmText
	all["sport"] = func(name any) string { return strings.ReplaceAll(fmt.Sprint(name), "_", " ") }
	all["percentOf"] = func(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) }
	all["classes"] = func() []link {
		return []link{
			{Name: "all"},
			{Name: "easy", Address: "easy"},
			{Name: "moderate", Address: "moderate"},
			{Name: "hard", Address: "hard"},
			{Name: "not judged", Address: "none"},
			{Name: "easy day broken", Address: "broken"},
		}
	}
	all["weekBar"] = func(w store.Week) *splitBar { return splitOf(w.LowS, w.ModerateS, w.HighS) }
	maps.Copy(all, formWords())
	return all
}

// startedText writes an instant by the local clock of where it was.
func startedText(at time.Time, offsetS int32) string {
	return at.In(time.FixedZone("", int(offsetS))).Format("Mon 2 Jan 2006 15:04")
}

func kmText(m *float64) string {
	if m == nil {
		return "–"
	}
	return strconv.FormatFloat(*m/1000, 'f', 2, 64)
}

// wasText says how hard a session was, or why that is not known.
func wasText(class *string, verdict string) string {
	if class != nil && verdict == "ok" {
		return *class
	}
	return verdictText(verdict)
}

// verdictText is the verdict of a session for people.
func verdictText(verdict string) string {
	switch verdict {
	case "no_hr":
		return "no heart rate"
	case "no_hrmax":
		return "max HR unknown"
	case "low_coverage":
		return "heart rate has holes"
	case "too_short":
		return "too short"
	case "":
		return "not analyzed yet"
	}
	return strings.ReplaceAll(verdict, "_", " ")
}

// chartData is a chart with words about it, for who does not see it.
type chartData struct {
	*report.Chart

	About string
}
