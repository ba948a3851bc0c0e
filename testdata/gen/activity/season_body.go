package activity

import (
	"math"
	"math/rand/v2"
	"time"
)

// bout is a stretch of an outing at a steady effort: the speed that a rested
// athlete runs at this heart rate.
type bout struct {
	minutes float64
	bpm     float64
}

// outing is a session before it is done.
type outing struct {
	weekday     int           // 0 is Monday
	clock       time.Duration // local time of day
	sport       string
	intent      string
	plannedEasy bool
	rpe         float64 // 0 to 10; negative when the athlete gave none
	bouts       []bout
	hrUntil     float64 // share of the time after which the strap is silent; 0 = never
	noHR        bool
}

// body is the athlete's state while under way.
type body struct {
	random  *rand.Rand
	fitness float64
	seconds float64
	hr      float64
	wobble  float64 // of the heart rate around its course, bpm
	speed   float64 // m/s
	sway    float64 // of the speed, as a share
	walks   bool
}

// speedAt is the speed in m/s that an effort gives: linear in the share of the
// heart rate reserve, times the fitness.
func (b *body) speedAt(bpm float64) float64 {
	share := (bpm - SeasonHRRest) / (SeasonHRMax - SeasonHRRest)
	if b.walks {
		return 0.9 + 1.4*share
	}
	return b.fitness * (0.5 + 3.4*share)
}

// drift is how far the heart rate has risen at the same effort: nothing in the
// first quarter of an hour, then more the harder it is.
func (b *body) drift(bpm float64) float64 {
	minutes := b.seconds/60 - 15
	return max(0, minutes) * 0.05 * max(0, (bpm-90)/50)
}

// step lets a second pass at an effort. The heart rate follows with a lag, up
// faster than down; the speed follows at once.
func (b *body) step(bpm float64) {
	b.seconds++
	lag, aim := 40.0, bpm+b.drift(bpm)
	if aim > b.hr {
		lag = 25
	}
	b.hr += (aim - b.hr) / lag
	b.wobble += -b.wobble/20 + b.random.NormFloat64()*0.3
	b.sway += -b.sway/30 + b.random.NormFloat64()*0.004
	b.speed = b.speedAt(bpm) * (1 + b.sway)
}

// rest lets time pass standing.
func (b *body) rest(d time.Duration) {
	b.hr = 85 + (b.hr-85)*math.Exp(-d.Seconds()/60)
}

func (b *body) beats() uint8 {
	return uint8(math.Round(min(max(b.hr+b.wobble, 45), SeasonHRMax-1)))
}

// mishaps are what goes wrong on the way, in seconds of an outing.
type mishaps struct {
	pauseAt, pauseFor int
	loseAt, loseFor   int // no heart rate
}

func (o *outing) mishaps(random *rand.Rand) mishaps {
	seconds := int(o.minutes() * 60)
	var m mishaps
	m.pauseAt, m.loseAt = -1, -1
	if seconds > 20*60 && random.IntN(9) == 0 {
		m.pauseAt, m.pauseFor = seconds/4+random.IntN(seconds/2), 30+random.IntN(150)
	}
	if seconds > 20*60 && random.IntN(11) == 0 {
		m.loseAt, m.loseFor = seconds/5+random.IntN(seconds/2), 20+random.IntN(90)
	}
	switch {
	case o.noHR:
		m.loseAt, m.loseFor = 0, seconds+1
	case o.hrUntil > 0:
		m.loseAt, m.loseFor = int(o.hrUntil*float64(seconds)), seconds+1
	}
	return m
}

func (o *outing) minutes() float64 {
	sum := 0.0
	for _, b := range o.bouts {
		sum += b.minutes
	}
	return sum
}

// effort is the heart rate aimed at after so many seconds.
func (o *outing) effort(second int) float64 {
	at := float64(second) / 60
	for _, b := range o.bouts {
		if at < b.minutes {
			return b.bpm
		}
		at -= b.minutes
	}
	return o.bouts[len(o.bouts)-1].bpm
}

// do is the outing as the watch records it: a sample every second in one of
// twelve, else every 3 to 5 seconds.
func (o *outing) do(start time.Time, offset int, fit float64, random *rand.Rand) Session {
	w := begin(o.sport, start, offset)
	m := o.mishaps(random)
	everySecond := random.IntN(12) == 0
	b := &body{random: random, fitness: fit, hr: SeasonHRRest + 25 + random.Float64()*10, walks: o.sport == "walking"}
	end := int(o.minutes() * 60)
	for second := 0; second < end; {
		if m.pauseAt >= 0 && second >= m.pauseAt {
			w.pause(m.pauseFor)
			b.rest(time.Duration(m.pauseFor) * time.Second)
			m.pauseAt = -1
		}
		b.step(o.effort(second))
		if lost := second - m.loseAt; m.loseAt >= 0 && lost >= 0 && lost < m.loseFor {
			w.sample(0, "missing", uint16(b.speed*1000))
		} else {
			w.sample(b.beats(), "", uint16(b.speed*1000))
		}
		n := 1
		if !everySecond {
			n = min(3+random.IntN(3), end-second)
		}
		w.hold(time.Duration(n) * time.Second)
		for range n - 1 {
			b.step(o.effort(second))
		}
		second += n
	}
	return w.end(true)
}

// fitness is how fast the athlete is at a given heart rate, as a multiple,
// after so many weeks.
func fitness(weeks float64) float64 {
	return interpolate(weeks, [][2]float64{
		{0, 0.95},
		{weekBuild, 1.0},
		{weekOvertrained, 1.06},
		{weekOvertrained + 4, 1.03},
		{weekOvertrained + 8, 0.94},
		{weekOvertrained + 12, 0.87},
		{weekRest, 0.82},
		{weekReturn2, 0.9},
		{weekReturn3, 0.93},
		{weekAfter, 1},
	})
}

// interpolate reads a line through points.
func interpolate(x float64, points [][2]float64) float64 {
	last := points[0]
	for _, p := range points {
		if x < p[0] {
			return last[1] + (p[1]-last[1])*(x-last[0])/(p[0]-last[0])
		}
		last = p
	}
	return last[1]
}
