package web

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/report"
	"plodwatch/schema"
)

// whatIfRows bounds each table of a what-if.
const whatIfRows = 500

// whatIfData is what other settings would change.
type whatIfData struct {
	Form     settingsForm
	Settings []field
	From     string
	Until    string // the last day they would hold, "" = until now
	Changes  bool   // the visitor may have them stored
	*report.Comparison

	ChangedSessions []*report.Compared
	ChangedWeeks    []*report.ComparedWeek
	CutSessions     int // changed ones that are not shown
	CutWeeks        int
}

// whatIf shows what the settings of the form would change. It stores nothing.
func (w *Web) whatIf(v *visit) error {
	q := v.r.URL.Query()
	s, err := readSettings(v.athlete, q)
	if err != nil {
		return w.badSettings(v, q, err)
	}
	st, err := v.tables()
	if err != nil {
		return err
	}
	ctx := v.r.Context()
	changes, err := analyze.WhatIf(ctx, st, w.deps.Places, s, nil)
	if err != nil {
		return w.badSettings(v, q, err)
	}
	tallies, startsOn, err := st.Tallies(ctx, v.athlete)
	if err != nil {
		return err
	}
	data := &whatIfData{
		Form: formOf(q), Settings: describe(&s), From: (&datedSettings{Settings: s}).From(),
		Changes:    w.deps.Settings != nil && v.visitor.MayChange,
		Comparison: report.Compare(s, changes, analyze.WeekChanges(tallies, startsOn, changes)),
	}
	dated, err := settingsByDate(ctx, st, v.athlete)
	if err != nil {
		return err
	}
	for i := range dated { // the latest first
		if dated[i].ValidFrom > s.ValidFrom {
			data.Until = (dated[i].ValidFrom - 1).String()
		}
	}
	data.pick()
	return v.render("whatif", "What if", data)
}

// pick chooses what changes, the latest first.
func (d *whatIfData) pick() {
	for i := len(d.Sessions) - 1; i >= 0; i-- {
		if s := &d.Sessions[i]; s.Changed {
			d.ChangedSessions = append(d.ChangedSessions, s)
		}
	}
	for i := len(d.Weeks) - 1; i >= 0; i-- {
		if k := &d.Weeks[i]; k.Changed {
			d.ChangedWeeks = append(d.ChangedWeeks, k)
		}
	}
	d.CutSessions, d.CutWeeks = max(0, len(d.ChangedSessions)-whatIfRows), max(0, len(d.ChangedWeeks)-whatIfRows)
	d.ChangedSessions = d.ChangedSessions[:len(d.ChangedSessions)-d.CutSessions]
	d.ChangedWeeks = d.ChangedWeeks[:len(d.ChangedWeeks)-d.CutWeeks]
}

// OtherVerdicts are the weeks that would get another verdict, the latest first.
func (d *whatIfData) OtherVerdicts() []*report.ComparedWeek {
	var all []*report.ComparedWeek
	for i := len(d.Weeks) - 1; i >= 0; i-- {
		if k := &d.Weeks[i]; k.Before.Verdict != k.After.Verdict {
			all = append(all, k)
		}
	}
	return all
}

// VerdictsChanged is how many weeks would get another verdict.
func (d *whatIfData) VerdictsChanged() int { return len(d.OtherVerdicts()) }

// shareOrDash writes a share, or that there is none.
func shareOrDash(share *float64) string {
	if share == nil {
		return "–"
	}
	return report.Percent(*share)
}

// beforeAfter are two words for before and after.
type beforeAfter struct{ Before, After string }

// Same reports whether nothing changes.
func (b beforeAfter) Same() bool { return b.Before == b.After }

func comparedShare(c *report.Compared) beforeAfter {
	b := beforeAfter{"–", shareOrDash(c.After.LowShare)}
	if c.Before != nil {
		b.Before = shareOrDash(c.Before.LowShare)
	}
	return b
}

func comparedWas(c *report.Compared) beforeAfter {
	word := func(a *report.Answer) string {
		if a == nil {
			return verdictText("")
		}
		if a.Class != nil && a.Verdict == "ok" {
			return string(*a.Class)
		}
		return verdictText(string(a.Verdict))
	}
	return beforeAfter{word(c.Before), word(&c.After)}
}

func comparedCap(c *report.Compared) beforeAfter {
	word := func(a *report.Answer) string {
		switch {
		case a == nil || a.CapOK == nil:
			return "–"
		case *a.CapOK:
			return "kept"
		}
		return "broken"
	}
	return beforeAfter{word(c.Before), word(&c.After)}
}

func weekShare(c *report.ComparedWeek) beforeAfter {
	return beforeAfter{shareOrDash(c.Before.LowShare), shareOrDash(c.After.LowShare)}
}

func weekClasses(c *report.ComparedWeek) beforeAfter {
	word := func(a *report.WeekAnswer) string {
		return strconv.Itoa(a.EasySessions) + " / " + strconv.Itoa(a.ModerateSessions) + " / " + strconv.Itoa(a.HardSessions)
	}
	return beforeAfter{word(&c.Before), word(&c.After)}
}

func weekVerdict(c *report.ComparedWeek) beforeAfter {
	return beforeAfter{verdictText(c.Before.Verdict), verdictText(c.After.Verdict)}
}

// settingsAre is describe for the templates.
func settingsAre(s schema.Settings) []field { return describe(&s) }

// formWords are the functions of the templates of imports, athletes and query.
func formWords() template.FuncMap {
	return template.FuncMap{
		"when":        func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") },
		"inc":         func(i int) int { return i + 1 },
		"int":         func(n any) (int, error) { return strconv.Atoi(fmt.Sprint(n)) },
		"settingsAre": settingsAre, "comparedShare": comparedShare, "comparedWas": comparedWas, "comparedCap": comparedCap,
		"weekShare": weekShare, "weekClasses": weekClasses, "weekVerdict": weekVerdict,
	}
}
