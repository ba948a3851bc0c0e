package web

import (
	"fmt"

	"plodwatch/analyze/report"
)

// splitBar is one bar split into low, moderate and high, 100 units wide.
type splitBar struct {
	What  string
	Parts []splitPart
}

// splitPart is a part of a bar.
type splitPart struct {
	Class, Words string
	X, Width     float64
	Share        float64
}

// splitOf is the bar of low, moderate and high seconds; nil when they are not
// known.
func splitOf(low, moderate, high *float64) *splitBar {
	if low == nil || moderate == nil || high == nil {
		return nil
	}
	return newSplitBar("time", *low, *moderate, *high)
}

// newSplitBar splits a bar; nil when there is nothing to split.
func newSplitBar(what string, low, moderate, high float64) *splitBar {
	total := low + moderate + high
	if total <= 0 {
		return nil
	}
	b := &splitBar{What: what}
	x := 0.0
	for i, v := range [3]float64{low, moderate, high} {
		class := [3]string{"low", "moderate", "high"}[i]
		share := v / total
		b.Parts = append(b.Parts, splitPart{Class: class, Words: class + " " + report.Percent(share), X: 100 * x, Width: 100 * share, Share: share})
		x += share
	}
	return b
}

// About says the bar to who does not see it.
func (b *splitBar) About() string {
	return fmt.Sprintf("%s: %s, %s, %s", b.What, b.Parts[0].Words, b.Parts[1].Words, b.Parts[2].Words)
}
