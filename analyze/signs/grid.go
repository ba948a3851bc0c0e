package signs

import (
	"math"
	"slices"

	"plodwatch/schema"
)

// longest bounds the days of one athlete: a century, for watches whose clock
// was never set.
const longest = 36600

// series is one figure by day: none, one or several values a day.
type series struct {
	values []float64 // in the order of the days
	starts []int     // index of the first value of each day, and the end
}

// window returns the values of days from to to, both included.
func (s *series) window(from, to int) []float64 {
	if to < 0 {
		return nil
	}
	return s.values[s.starts[max(0, from)]:s.starts[to+1]]
}

// at returns the first value of a day, nil when there is none.
func (s *series) at(day int) *float64 {
	if v := s.window(day, day); len(v) > 0 {
		return &v[0]
	}
	return nil
}

// grid holds an athlete's figures by calendar day.
type grid struct {
	first schema.Day
	n     int

	rest, hrv, sleep, energy, pace, efficiency, decoupling, monotony series
}

func newGrid(in Inputs) *grid {
	g := &grid{}
	var days []schema.Day
	for i := range in.Logged {
		days = append(days, in.Logged[i].Day)
	}
	for i := range in.Sessions {
		days = append(days, in.Sessions[i].Day)
	}
	days = slices.DeleteFunc(days, func(d schema.Day) bool { return d > in.Today })
	if len(days) == 0 {
		return g
	}
	last := slices.Max(days)
	g.first = max(slices.Min(days), last-longest)
	g.n = int(last-g.first) + 1
	logged := func(f func(*Logged) *float64) series {
		return build(g, in.Logged, func(l *Logged) schema.Day { return l.Day }, f)
	}
	session := func(f func(*Session) *float64) series {
		return build(g, in.Sessions, func(s *Session) schema.Day { return s.Day }, f)
	}
	g.rest = logged(func(l *Logged) *float64 { return l.RestingHR })
	g.hrv = logged(func(l *Logged) *float64 { return l.HRV })
	g.sleep = logged(func(l *Logged) *float64 { return l.SleepH })
	g.energy = logged(func(l *Logged) *float64 {
		if l.Energy == nil {
			return nil
		}
		v := float64(*l.Energy)
		return &v
	})
	g.pace = session(func(s *Session) *float64 { return s.Pace })
	g.efficiency = session(func(s *Session) *float64 { return s.Efficiency })
	g.decoupling = session(func(s *Session) *float64 { return s.Decoupling })
	g.monotony = build(g, in.Loads, func(l *Load) schema.Day { return l.Day }, func(l *Load) *float64 { return l.Monotony })
	return g
}

// build sorts the values of a figure into the grid's days.
func build[T any](g *grid, rows []T, day func(*T) schema.Day, value func(*T) *float64) series {
	perDay := make([][]float64, g.n)
	for i := range rows {
		at, v := int(day(&rows[i])-g.first), value(&rows[i])
		if at >= 0 && at < g.n && v != nil && !math.IsNaN(*v) && !math.IsInf(*v, 0) {
			perDay[at] = append(perDay[at], *v)
		}
	}
	s := series{starts: make([]int, 0, g.n+1)}
	for _, values := range perDay {
		s.starts = append(s.starts, len(s.values))
		s.values = append(s.values, values...)
	}
	s.starts = append(s.starts, len(s.values))
	return s
}

func mean(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	var sum float64
	for _, x := range v {
		sum += x
	}
	m := sum / float64(len(v))
	return &m
}

// deviation is the standard deviation (n-1), nil below two values.
func deviation(v []float64) *float64 {
	if len(v) < 2 {
		return nil
	}
	m := *mean(v)
	var squares float64
	for _, x := range v {
		squares += (x - m) * (x - m)
	}
	sd := math.Sqrt(squares / float64(len(v)-1))
	return &sd
}

// median is the middle value, of an even number the mean of the middle two.
func median(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(v))
	m := (sorted[(len(v)-1)/2] + sorted[len(v)/2]) / 2
	return &m
}

// percent is the change from before to now, nil when there was nothing.
func percent(now, before float64) *float64 {
	if before == 0 {
		return nil
	}
	p := 100 * (now - before) / before
	return &p
}
