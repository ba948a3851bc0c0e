package storetest

import (
	"math"
	"slices"
)

// loadModel is the load that ctl is made of: the first of those that most
// sessions have.
func (m *model) loadModel() (string, func(outing) *float64) {
	names := []string{"trimp", "edwards", "lucia"}
	of := []func(outing) *float64{
		func(o outing) *float64 { return o.trimp }, func(o outing) *float64 { return o.edwards },
		func(o outing) *float64 { return o.lucia },
	}
	best, most := -1, 0.0
	for i := range names {
		if n := count(m.outings, func(o outing) bool { return of[i](o) != nil }); n > most {
			best, most = i, n
		}
	}
	if best < 0 {
		return "none", func(outing) *float64 { return nil }
	}
	return names[best], of[best]
}

// total adds up what is known; nil when there are outings and none knows.
func total(list []outing, of func(outing) *float64) any {
	v, known := 0.0, 0
	for _, o := range list {
		if p := of(o); p != nil {
			v += *p
			known++
		}
	}
	return orNil(v, known > 0 || len(list) == 0)
}

func number(v any) float64 {
	if v == nil {
		return 0
	}
	return v.(float64) //nolint:forcetypeassert // the model's own
}

// loads is what load_daily must say, day by day.
func (m *model) loads() []answer {
	var rows []answer
	name, of := m.loadModel()
	none := name == "none"
	unknown := func(list []outing) float64 { return count(list, func(o outing) bool { return of(o) == nil }) }
	ctl, atl := 0.0, 0.0
	var daily []float64
	for day := m.first(); day <= m.end(); day++ {
		today := m.between(day, day)
		load := total(today, of)
		tsb := ctl - atl
		ctl += (number(load) - ctl) / 42
		atl += (number(load) - atl) / 7
		daily = append(daily, number(load))
		week, month := daily[max(0, len(daily)-7):], daily[max(0, len(daily)-28):]
		monotony, known := monotonyOf(week)
		known = known && unknown(m.between(day-6, day)) == 0 && !none
		a := answer{
			"athlete_id": string(m.outings[0].athlete), "day": day.String(), "sessions": float64(len(today)),
			"trimp":   total(today, func(o outing) *float64 { return o.trimp }),
			"edwards": total(today, func(o outing) *float64 { return o.edwards }),
			"lucia":   total(today, func(o outing) *float64 { return o.lucia }),
			"foster": total(today, func(o outing) *float64 {
				if o.rpe == nil {
					return nil
				}
				return pointer(*o.rpe * float64(o.timerMs) / minuteMs)
			}),
			"rated_sessions": count(today, func(o outing) bool { return o.rpe != nil }),
			"load_model":     name, "load": orNil(number(load), load != nil && !none), "unknown_sessions": unknown(today),
			"ctl": orNil(ctl, !none), "atl": orNil(atl, !none), "tsb": orNil(tsb, !none),
			"load_7d": orNil(plus(week), !none), "monotony": orNil(monotony, known), "strain": orNil(monotony*plus(week), known),
			"acwr":    orNil(plus(week)/7/(plus(month)/28), len(month) == 28 && plus(month) > 0 && !none),
			"warm_up": len(daily) <= 42, "unknown_42d": unknown(m.between(day-41, day)),
		}
		a["verdict"] = loadVerdict(none, len(daily), number(a["unknown_42d"]))
		rows = append(rows, a)
	}
	return rows
}

func loadVerdict(none bool, days int, unknown float64) string {
	switch {
	case none:
		return "no_load"
	case days <= 42:
		return "warm_up"
	case unknown > 0:
		return "incomplete"
	}
	return "ok"
}

func plus(list []float64) float64 {
	v := 0.0
	for _, x := range list {
		v += x
	}
	return v
}

// monotonyOf is Foster's monotony of a whole week of loads.
func monotonyOf(week []float64) (float64, bool) {
	if len(week) < 7 || slices.Min(week) == slices.Max(week) {
		return 0, false
	}
	mean, squares := plus(week)/7, 0.0
	for _, x := range week {
		squares += (x - mean) * (x - mean)
	}
	return mean / math.Sqrt(squares/6), true
}
