package activity

import (
	"math"
	"time"
)

// The days of a week.
const (
	monday = iota
	tuesday
	wednesday
	thursday
	friday
	saturday
	sunday
)

const (
	dawn    = 6*time.Hour + 30*time.Minute
	evening = 18*time.Hour + 15*time.Minute
)

// outings are the sessions of a week; volume is the minutes a week that the
// athlete did in the twelve weeks before the rest.
func outings(week int, volume float64) []outing {
	switch phaseOf(week) {
	case PhaseBase, PhaseAfter:
		return baseWeek(week)
	case PhaseBuild:
		return buildWeek(week)
	case PhaseOvertrained:
		return overtrainedWeek(week)
	case PhaseRest:
		return restWeek(week)
	case PhaseReturn2:
		return returnWeek2(week, volume)
	default:
		return returnWeek3(week, volume)
	}
}

func running(weekday int, intent string, rpe float64, bouts ...bout) outing {
	o := outing{weekday: weekday, clock: dawn, sport: "running", intent: intent, rpe: rpe, bouts: bouts}
	if weekday == tuesday || weekday == thursday {
		o.clock = evening
	}
	return o
}

// easy is a run at one heart rate with a start and an end that are easier yet.
func easy(weekday int, minutes, bpm float64) outing {
	o := running(weekday, "easy", 3, bout{8, min(bpm, 128)}, bout{minutes - 12, bpm}, bout{4, min(bpm, 122)})
	o.plannedEasy = true
	return o
}

func long(weekday int, minutes, bpm float64) outing {
	o := easy(weekday, minutes, bpm)
	o.intent, o.rpe = "long", 4
	return o
}

// repeats is warm-up, n times work and recovery, and a way home.
func repeats(weekday int, intent string, rpe float64, n int, work, bpm, recovery float64) outing {
	bouts := []bout{{12, 132}}
	for range n {
		bouts = append(bouts, bout{work, bpm}, bout{recovery, 122})
	}
	return running(weekday, intent, rpe, append(bouts, bout{8, 126})...)
}

// baseWeek is three or four runs: 80/20 met, a little moderate, less hard.
func baseWeek(week int) []outing {
	longest := 80 + 10*float64(week%4)
	if week%4 == 3 { // a lighter week
		return []outing{easy(tuesday, 45, 134), easy(thursday, 40, 136), long(sunday, 70, 136)}
	}
	list := []outing{
		easy(tuesday, 50, 136), repeats(thursday, "steady", 5, 3, 5, 159, 3), easy(saturday, 45, 134), long(sunday, longest, 137),
	}
	if week%3 == 1 {
		hills := repeats(tuesday, "hills", 6, 5, 1.5, 172, 3.5)
		list[0] = hills
	}
	switch week {
	case 5:
		list[3].noHR = true // the strap stayed at home
	case 9:
		list[2] = running(saturday, "short", 2, bout{4, 130}) // rain
	case 13:
		list[2].hrUntil = 0.4 // its battery went flat
	case 17:
		list[0].rpe, list[2].rpe = -1, -1 // no answer given
	}
	return list
}

// buildWeek is polarized: intervals, and the rest easy.
func buildWeek(week int) []outing {
	if week%4 == 3 {
		return []outing{repeats(tuesday, "intervals", 7, 4, 3, 175, 2), easy(thursday, 45, 134), easy(saturday, 45, 134), long(sunday, 75, 136)}
	}
	list := []outing{
		repeats(tuesday, "intervals", 8, 5, 4, 174, 2.5), easy(wednesday, 50, 134), easy(friday, 55, 136), long(sunday, 95, 137),
	}
	if week%2 == 1 {
		list = []outing{list[0], list[1], list[2], repeats(saturday, "intervals", 7, 8, 1.5, 177, 2), list[3]}
	}
	if week == 52 { // New Year's night: by UTC it is still Sunday, and last year
		party := easy(monday, 40, 132)
		party.clock = 15 * time.Minute
		list = append([]outing{party}, list...)
	}
	return list
}

// overtrainedWeek has hard easy days from the start, and no day off from the
// fifth week on.
func overtrainedWeek(week int) []outing {
	in := week - weekOvertrained
	tooHard := func(weekday int, minutes, bpm float64) outing {
		o := easy(weekday, minutes, bpm)
		o.bouts = []bout{{8, 132}, {minutes - 13, bpm}, {5, 130}}
		o.rpe = 6
		return o
	}
	list := []outing{
		repeats(tuesday, "intervals", 9, 5, 3, 173, 2), tooHard(wednesday, 45, 158), repeats(thursday, "tempo", 8, 2, 11, 166, 2),
		tooHard(friday, 45, 157), easy(saturday, 45, 136), tooHard(sunday, 70, 154),
	}
	list[5].intent = "long"
	if in >= 4 {
		list[4] = tooHard(saturday, 45, 156)
		list = append([]outing{tooHard(monday, 45, 155)}, list...)
	}
	return list
}

// restWeek is two or three walks.
func restWeek(week int) []outing {
	walk := func(weekday int, minutes float64) outing {
		return outing{
			weekday: weekday, clock: evening, sport: "walking", intent: "walk", rpe: 2,
			bouts: []bout{{5, 85}, {minutes - 5, 94}},
		}
	}
	list := []outing{walk(tuesday, 40), walk(saturday, 45)}
	if week%2 == 0 {
		list = append(list[:1], walk(thursday, 35), list[1])
	}
	return list
}

// jog is a run under the cap of the return.
func jog(weekday int, minutes, rpe float64) outing {
	o := running(weekday, "easy", rpe, bout{5, 95}, bout{minutes - 5, 103})
	o.plannedEasy = true
	return o
}

// returnWeek2 builds from 40 to 78 % of the volume in three, then four days.
func returnWeek2(week int, volume float64) []outing {
	in := float64(week - weekReturn2)
	total := volume * (0.40 + 0.38*in/(weekReturn3-weekReturn2-1))
	days := []int{tuesday, thursday, sunday}
	if in >= 3 {
		days = []int{tuesday, thursday, saturday, sunday}
	}
	list := make([]outing, 0, len(days))
	for _, day := range days {
		list = append(list, jog(day, math.Round(total/float64(len(days))), 4))
	}
	if week == weekBreach { // felt too good
		list[1] = repeats(thursday, "breach", 8, 3, 6, 166, 2)
	}
	return list
}

// returnWeek3 builds from 80 to 98 % of the volume in four, then five days,
// with one hard session a week, in its second half two.
func returnWeek3(week int, volume float64) []outing {
	in, weeks := week-weekReturn3, weekAfter-weekReturn3
	total := volume * (0.80 + 0.18*float64(in)/float64(weeks-1))
	days := []int{tuesday, thursday, saturday, sunday}
	if in >= 4 {
		days = []int{tuesday, wednesday, thursday, saturday, sunday}
	}
	each := math.Round(total / float64(len(days)))
	list := make([]outing, 0, len(days))
	for _, day := range days {
		list = append(list, jog(day, each, 4))
	}
	list[0] = returnHard(tuesday, each, 6, 4)
	if in >= weeks/2 {
		list[0] = returnHard(tuesday, each, 4, 3.5)
		list[len(list)-2] = returnHard(saturday, each, 4, 3.5)
	}
	return list
}

// returnHard is a jog with n stretches of hard work.
func returnHard(weekday int, minutes float64, n int, work float64) outing {
	bouts := []bout{{8, 102}}
	for range n {
		bouts = append(bouts, bout{work, 169}, bout{2.5, 98})
	}
	rest := minutes - 8 - float64(n)*(work+2.5)
	return running(weekday, "intervals", 7, append(bouts, bout{rest, 101})...)
}
