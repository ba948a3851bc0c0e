package periods

import (
	"math"
	"slices"
)

// Model names the load that an athlete's chronic and acute load are made of.
type Model string

// The models, best first; ModelNone when no session has any load.
const (
	ModelTrimp   Model = "trimp"
	ModelEdwards Model = "edwards"
	ModelLucia   Model = "lucia"
	ModelNone    Model = "none"
)

// The days after which chronic and acute load have followed by all but 1/e.
const (
	chronicDays = 42
	acuteDays   = 7
)

// Load is an athlete's training load on a day. All is nil without a model.
type Load struct {
	Model     Model
	Load      *float64 // of the day; 0 on rest days, nil when no session of the day has one
	Unknown   uint32   // sessions of the day without one; they count nothing
	Unknown7  uint32   // ... of the last 7 days
	Unknown42 uint32   // ... of the last 42 days
	Week      *float64 // load of the last 7 days
	Chronic   *float64 // CTL: v += (load - v) / 42 for each day, from 0
	Acute     *float64 // ATL: v += (load - v) / 7 for each day, from 0
	Balance   *float64 // TSB: chronic less acute of the day before
	Monotony  *float64 // mean over standard deviation (n - 1) of 7 daily loads (Foster 1998)
	Strain    *float64 // week times monotony
	Ratio     *float64 // ACWR: mean of 7 days over that of 28; it describes and predicts nothing
}

// modelOf chooses the load that most sessions have, the better one of equals.
func modelOf(sessions []Session) Model {
	best, most := ModelNone, 0
	for _, m := range []Model{ModelTrimp, ModelEdwards, ModelLucia} {
		n := 0
		for i := range sessions {
			if m.ofSession(&sessions[i]) != nil {
				n++
			}
		}
		if n > most {
			best, most = m, n
		}
	}
	return best
}

func (m Model) ofSession(s *Session) *float64 {
	switch m {
	case ModelTrimp:
		return s.Trimp
	case ModelEdwards:
		return s.Edwards
	case ModelLucia:
		return s.Lucia
	case ModelNone:
	}
	return nil
}

func (m Model) of(d *Day) *float64 {
	switch m {
	case ModelTrimp:
		return d.Trimp
	case ModelEdwards:
		return d.Edwards
	case ModelLucia:
		return d.Lucia
	case ModelNone:
	}
	return nil
}

// addLoads fills what follows from the loads of several days.
func addLoads(days []Day, model Model) {
	if len(days) == 0 {
		return
	}
	var chronic, acute float64
	loads := make([]float64, len(days))
	for i := range days {
		l := &days[i].Load
		for k := max(0, i-chronicDays+1); k <= i; k++ {
			l.Unknown42 += days[k].Load.Unknown
		}
		for k := max(0, i-6); k <= i; k++ {
			l.Unknown7 += days[k].Load.Unknown
		}
		if model == ModelNone {
			continue
		}
		if l.Load != nil {
			loads[i] = *l.Load
		}
		l.Balance = ptr(chronic - acute)
		chronic += (loads[i] - chronic) / chronicDays
		acute += (loads[i] - acute) / acuteDays
		l.Chronic, l.Acute = ptr(chronic), ptr(acute)
		week, month := loads[max(0, i-6):i+1], loads[max(0, i-27):i+1]
		sum := plus(week)
		l.Week = ptr(sum)
		if v, ok := Monotony(week); ok && l.Unknown7 == 0 {
			l.Monotony, l.Strain = ptr(v), ptr(v*sum)
		}
		if whole := plus(month); len(month) == 28 && whole > 0 {
			l.Ratio = ptr(sum / 7 / (whole / 28))
		}
	}
}

// Monotony returns the mean of 7 daily loads, rest days 0, over their standard
// deviation with n - 1 (Foster 1998), and false when there are not 7 or all are
// equal.
func Monotony(loads []float64) (float64, bool) {
	if len(loads) != 7 || slices.Min(loads) == slices.Max(loads) {
		return 0, false
	}
	mean, squares := plus(loads)/7, 0.0
	for _, x := range loads {
		squares += (x - mean) * (x - mean)
	}
	return mean / math.Sqrt(squares/6), true
}

func plus(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum
}

func ptr[T any](v T) *T { return &v }
