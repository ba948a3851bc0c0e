package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/report"
)

// curvePicture is a curve as the server draws it, for those whose browser runs
// no scripts, and until the scripts have drawn theirs.
type curvePicture struct {
	Width, Height      float64
	Left, Right        float64 // of the plot
	Top, Bottom        float64
	Path               string
	Ticks, Times       []mark
	Bounds             []mark
	Shades             []shade
	Dots               []mark // heart rates that were rejected
	About, Least, Most string

	y axis
}

// PlotHeight is the height between the axes.
func (p *curvePicture) PlotHeight() float64 { return p.Bottom - p.Top }

// mark is a place with words.
type mark struct {
	X, Y float64
	Text string
	Kind string
}

// shade is a stretch that does not count.
type shade struct {
	X, Width float64
	Kind     string
	Cause    intensity.Cause
}

// axis maps values to places.
type axis struct {
	from, to, at0, at1 float64
}

func (a axis) place(v float64) float64 {
	return math.Round(10*(a.at0+(v-a.from)/(a.to-a.from)*(a.at1-a.at0))) / 10
}

// newPicture makes a picture of a line with its axes, which reach up to most at
// least. It returns nil when there is nothing to draw.
func newPicture(l line, elapsed, height, step, most float64, name func(float64) string) *curvePicture {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range l.V {
		if v != nil {
			low, high = min(low, *v), max(high, *v)
		}
	}
	if math.IsInf(low, 1) || elapsed <= 0 {
		return nil
	}
	from, to := math.Floor(low/step)*step, math.Ceil(max(high, most)/step)*step
	if to-from < step {
		to = from + step
	}
	for (to-from)/step > 7 {
		step *= 2
	}
	p := &curvePicture{Width: 960, Height: height, Left: 52, Right: 948, Top: 10, Bottom: height - 24, Least: name(low), Most: name(high)}
	y := axis{from, to, p.Bottom, p.Top}
	p.y = y
	for v := math.Ceil(from/step) * step; v <= to+step/1000; v += step {
		p.Ticks = append(p.Ticks, mark{Y: y.place(v), Text: name(v)})
	}
	x := axis{0, elapsed, p.Left, p.Right}
	p.times(x, elapsed)
	p.Path = pathOf(l, x, y)
	return p
}

// times labels the time axis.
func (p *curvePicture) times(x axis, elapsed float64) {
	step := 60.0
	for _, s := range []float64{60, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 7 * 86400} {
		if step = s; elapsed/s <= 9 {
			break
		}
	}
	for t := 0.0; t <= elapsed && len(p.Times) < 40; t += step {
		p.Times = append(p.Times, mark{X: x.place(t), Text: fmt.Sprintf("%d:%02d", int(t)/3600, int(t)/60%60)})
	}
}

// pathOf draws a line, with holes where it is broken.
func pathOf(l line, x, y axis) string {
	var b strings.Builder
	pen := byte('M')
	for i, v := range l.V {
		if v == nil {
			pen = 'M'
			continue
		}
		b.WriteByte(pen)
		b.WriteString(strconv.FormatFloat(x.place(l.T[i]), 'f', -1, 64))
		b.WriteByte(' ')
		b.WriteString(strconv.FormatFloat(y.place(*v), 'f', -1, 64))
		pen = 'L'
	}
	return b.String()
}

// hrPicture draws the heart rate with the bounds that decide; nil without any.
func hrPicture(c *curveData) *curvePicture {
	most := 0.0
	for _, b := range c.Bounds {
		if b.Kind == "vt1" {
			most = b.BPM
		}
	}
	p := newPicture(c.HR, c.Elapsed, 300, 10, most, func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) })
	if p == nil {
		return nil
	}
	x, y := axis{0, c.Elapsed, p.Left, p.Right}, p.y
	for _, b := range c.Bounds {
		if at := y.place(b.BPM); at >= p.Top && at <= p.Bottom {
			p.Bounds = append(p.Bounds, mark{Y: at, Text: fmt.Sprintf("%s (%s)", b.Name, strconv.FormatFloat(math.Round(10*b.BPM)/10, 'f', -1, 64)), Kind: b.Kind})
		}
	}
	for i, t := range c.Rejected.T {
		p.Dots = append(p.Dots, mark{X: x.place(t), Y: min(max(y.place(*c.Rejected.V[i]), p.Top), p.Bottom)})
	}
	p.shades(c, x)
	p.About = fmt.Sprintf("Heart rate over %s, from %s to %s bpm. The tables below have the figures.", report.Clock(c.Elapsed), p.Least, p.Most)
	return p
}

// speedPicture draws the speed, named as pace for those on foot.
func speedPicture(c *curveData) *curvePicture {
	name := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	what := "Speed"
	if c.Pace {
		name, what = kmhAsPace, "Pace"
	}
	step := 2.0
	if !c.Pace {
		step = 5
	}
	p := newPicture(c.Speed, c.Elapsed, 190, step, 0, name)
	if p == nil {
		return nil
	}
	p.shades(c, axis{0, c.Elapsed, p.Left, p.Right})
	p.About = fmt.Sprintf("%s over %s.", what, report.Clock(c.Elapsed))
	return p
}

// kmhAsPace writes km/h as minutes a kilometre.
func kmhAsPace(kmh float64) string {
	if kmh <= 0 {
		return "–"
	}
	s := int(3600/kmh + 0.5)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// shades marks what does not count.
func (p *curvePicture) shades(c *curveData, x axis) {
	for _, e := range c.Excluded {
		from, to := x.place(max(0, e.From)), x.place(min(e.To, c.Elapsed))
		p.Shades = append(p.Shades, shade{X: from, Width: max(1, math.Round(10*(to-from))/10), Kind: e.Cause, Cause: intensity.Cause(e.Cause)})
	}
}
