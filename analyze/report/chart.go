package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"plodwatch/analyze/store"
)

// The charts are drawn in units of a picture chartWidth wide; the page scales
// it.
const (
	chartWidth  = 960.0
	chartLeft   = 46.0
	chartRight  = 12.0
	chartBottom = 24.0
	chartTop    = 12.0
)

// Chart is a picture of the weeks: bars, lines and their axes, in units of a
// picture Width wide and Height high, for a template to draw.
type Chart struct {
	Width, Height float64
	Plot          rect // inside the axes
	Ticks         []tick
	Labels        []label
	Bars          []bar
	Lines         []line
	Marks         []tick // lines that mean something, with their words
	Shades        []bar
}

type rect struct{ X, Y, W, H float64 }

// right and bottom ease the templates.
func (r rect) Right() float64  { return r.X + r.W }
func (r rect) Bottom() float64 { return r.Y + r.H }

type tick struct {
	Y    float64
	Text string
}

type label struct {
	X    float64
	Text string
}

type bar struct {
	rect
	Class, Title string
}

type line struct {
	Path, Class, Title string
}

func newChart(height float64) *Chart {
	return &Chart{
		Width: chartWidth, Height: height,
		Plot: rect{chartLeft, chartTop, chartWidth - chartLeft - chartRight, height - chartTop - chartBottom},
	}
}

// y places a value of an axis from low to high.
func (c *Chart) y(v, low, high float64) float64 {
	return round1(c.Plot.Bottom() - (v-low)/(high-low)*c.Plot.H)
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// axis draws ticks at round values and returns the range they span.
func (c *Chart) axis(low, high float64, text func(float64) string) (from, to float64) {
	step := niceStep((high - low) / 5)
	from, to = math.Floor(low/step)*step, math.Ceil(high/step)*step
	if to <= from {
		to = from + step
	}
	for v := from; v <= to+step/2; v += step {
		c.Ticks = append(c.Ticks, tick{c.y(v, from, to), text(v)})
	}
	return from, to
}

// niceStep rounds up to 1, 2, 2.5 or 5 times a power of ten.
func niceStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 2.5, 5} {
		if v <= n*power {
			return n * power
		}
	}
	return 10 * power
}

// weekLabels writes the weeks' first days, as many as there is room for.
func (c *Chart) weekLabels(weeks []store.Week) {
	const room = 52.0
	slot := c.Plot.W / float64(len(weeks))
	every := int(math.Ceil(room / slot))
	for i := range weeks {
		if i%every == 0 {
			c.Labels = append(c.Labels, label{round1(c.Plot.X + (float64(i)+0.5)*slot), shortDay(weeks[i].Start)})
		}
	}
}

// slot is where the bar of week i of n stands.
func (c *Chart) slot(i, n int) (x, width float64) {
	const widest = 54.0
	slot := c.Plot.W / float64(n)
	width = min(slot*0.74, widest)
	return round1(c.Plot.X + (float64(i)+0.5)*slot - width/2), round1(width)
}

// parts are a week's hours at low, moderate and high intensity and of unknown
// intensity, in the order in which bars are stacked.
func parts(w *store.Week) (hours [4]float64) {
	if w.LowS != nil && w.ModerateS != nil && w.HighS != nil {
		hours = [4]float64{*w.LowS / 3600, *w.ModerateS / 3600, *w.HighS / 3600}
	}
	hours[3] = max(0, w.Hours-hours[0]-hours[1]-hours[2])
	return hours
}

func partNames() [4]string   { return [4]string{"low", "moderate", "high", "without usable heart rate"} }
func partClasses() [4]string { return [4]string{"low", "moderate", "high", "unknown"} }

// HoursChart stacks the hours of each week.
func HoursChart(weeks []store.Week) *Chart {
	c := newChart(200)
	most := 1.0
	for i := range weeks {
		most = max(most, weeks[i].Hours)
	}
	from, to := c.axis(0, most, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + " h" })
	for i := range weeks {
		w := &weeks[i]
		x, width := c.slot(i, len(weeks))
		sum := 0.0
		for k, hours := range parts(w) {
			top, bottom := c.y(sum+hours, from, to), c.y(sum, from, to)
			sum += hours
			if bottom-top >= 0.1 {
				title := fmt.Sprintf("week from %s: %s h %s", dayText(w.Start), hoursText(hours), partNames()[k])
				c.Bars = append(c.Bars, bar{rect{x, top, width, round1(bottom - top)}, partClasses()[k], title})
			}
		}
	}
	c.weekLabels(weeks)
	return c
}

// ShareChart stacks the shares of each week whose intensity is known, with the
// line that 80/20 asks for.
func ShareChart(weeks []store.Week) *Chart {
	c := newChart(200)
	from, to := c.axis(0, 100, func(v float64) string { return fmt.Sprintf("%.0f %%", v) })
	for i := range weeks {
		w := &weeks[i]
		if w.LowShare == nil || w.ModerateShare == nil || w.HighShare == nil {
			continue
		}
		x, width := c.slot(i, len(weeks))
		sum := 0.0
		for k, share := range [3]float64{*w.LowShare, *w.ModerateShare, *w.HighShare} {
			top, bottom := c.y(100*(sum+share), from, to), c.y(100*sum, from, to)
			sum += share
			if bottom-top >= 0.1 {
				title := fmt.Sprintf("week from %s: %s %s", dayText(w.Start), wholePercent(share), partNames()[k])
				c.Bars = append(c.Bars, bar{rect{x, top, width, round1(bottom - top)}, partClasses()[k], title})
			}
		}
	}
	c.Marks = append(c.Marks, tick{c.y(80, from, to), "80 %"})
	c.weekLabels(weeks)
	return c
}

// LoadChart draws fitness, fatigue and form day by day; nil without load.
func (r *Weeks) LoadChart() *Chart {
	low, high, known := 0.0, 0.0, false
	for i := range r.Load {
		for _, v := range []*float64{r.Load[i].CTL, r.Load[i].ATL, r.Load[i].TSB} {
			if v != nil {
				low, high, known = min(low, *v), max(high, *v), true
			}
		}
	}
	if !known || len(r.Weeks) == 0 {
		return nil
	}
	c := newChart(220)
	from, to := c.axis(low, high, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) })
	days := daysBetween(r.From, r.To) + 1
	x := func(day string) float64 {
		return round1(c.Plot.X + (float64(daysBetween(r.From, day))+0.5)*c.Plot.W/float64(days))
	}
	for _, l := range []struct {
		class, title string
		value        func(*store.Load) *float64
	}{
		{"ctl", "fitness (CTL)", func(d *store.Load) *float64 { return d.CTL }},
		{"atl", "fatigue (ATL)", func(d *store.Load) *float64 { return d.ATL }},
		{"tsb", "form (TSB)", func(d *store.Load) *float64 { return d.TSB }},
	} {
		var b strings.Builder
		pen := "M"
		for i := range r.Load {
			v := l.value(&r.Load[i])
			if v == nil {
				pen = "M"
				continue
			}
			fmt.Fprintf(&b, "%s%g %g", pen, x(r.Load[i].Day), c.y(*v, from, to))
			pen = "L"
		}
		c.Lines = append(c.Lines, line{b.String(), l.class, l.title})
	}
	c.Shades = r.warmUp(c, x)
	c.Marks = append(c.Marks, tick{c.y(0, from, to), ""})
	c.weekLabels(r.Weeks)
	return c
}

// warmUp shades the days on which fitness has not settled.
func (r *Weeks) warmUp(c *Chart, x func(string) float64) []bar {
	end := ""
	for i := range r.Load {
		if r.Load[i].WarmUp {
			end = r.Load[i].Day
		}
	}
	if end == "" {
		return nil
	}
	return []bar{{rect{c.Plot.X, c.Plot.Y, round1(x(end) - c.Plot.X), c.Plot.H}, "warmup", "the first 42 days: fitness has not settled"}}
}
