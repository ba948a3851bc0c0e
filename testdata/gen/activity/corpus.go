package activity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Corpus invents many long runs quickly: one file is encoded, every further one
// is a copy of it with all its values written anew.
type Corpus struct {
	Minutes int    // length of every run, from 1
	Seed    uint64 // same seed, same files
	Spacing time.Duration

	template []byte
}

// Truth is what a file of a corpus holds.
type Truth struct {
	Samples    int
	HRSum      int64
	DistanceCm int64
	Start      time.Time
}

// corpusStart returns the first run's start.
func corpusStart() time.Time { return time.Date(2015, 1, 1, 6, 0, 0, 0, time.UTC) }

// NewCorpus prepares a corpus of runs of so many minutes, at 1 Hz with heart
// rate, speed, distance, position, altitude and cadence.
func NewCorpus(minutes, files int, seed uint64) (*Corpus, error) {
	if minutes < 1 || minutes > 24*60 || files < 1 {
		return nil, fmt.Errorf("make corpus: %d files of %d minutes: need 1 to 1440 minutes and a file", files, minutes)
	}
	w := begin("running", corpusStart(), 0)
	w.run(minutes*60, 1, 140, 3000)
	a := Activity{Name: "template", Sessions: []Session{w.end(true)}}
	file, err := a.FIT()
	if err != nil {
		return nil, err
	}
	decade := 10 * 365 * 24 * time.Hour
	spacing := min(25*time.Hour, decade/time.Duration(files)).Truncate(time.Second)
	if shortest := time.Duration(minutes+30) * time.Minute; spacing < shortest {
		spacing = shortest
	}
	return &Corpus{Minutes: minutes, Seed: seed, Spacing: spacing, template: file}, nil
}

// run is the state of one invented run.
type run struct {
	random               *rand.Rand
	hr, speed, altitude  float64
	metres, lat, lon     float64
	heading              float64
	cadence              float64 // strides per minute, independent of the heart rate
	effort, until        float64 // heart rate aimed at, and for how many samples yet
	easy, hard, fraction float64
}

// Write overwrites buf with file i of the corpus and returns it with what is in
// it.
func (c *Corpus) Write(buf []byte, i int) ([]byte, Truth, error) {
	buf = append(buf[:0], c.template...)
	shift := time.Duration(i) * c.Spacing
	truth := Truth{Start: corpusStart().Add(shift)}
	r := newRun(rand.New(rand.NewPCG(c.Seed, uint64(i))))
	var missing error
	err := walk(buf, func(l *layout, _, data []byte) {
		if data == nil {
			return
		}
		shiftTimes(l, data, uint32(shift/time.Second))
		if l.global != recordMessage {
			return
		}
		hr := r.step()
		if err := r.put(l, data, hr); err != nil {
			missing = err
		}
		truth.Samples++
		truth.HRSum += int64(hr)
	})
	if err = errors.Join(err, missing); err != nil {
		return nil, Truth{}, fmt.Errorf("write corpus file %d: %w", i, err)
	}
	truth.DistanceCm = int64(r.metres * 100)
	err = walk(buf, func(l *layout, _, data []byte) {
		if data != nil && (l.global == sessionMessage || l.global == lapMessage) {
			binary.LittleEndian.PutUint32(l.find(data, 9), uint32(truth.DistanceCm))
		}
	})
	seal(buf)
	return buf, truth, err
}

const (
	fileIDMessage   = 0
	sessionMessage  = 18
	lapMessage      = 19
	recordMessage   = 20
	activityMessage = 34
)

// shiftTimes moves every time of a message by so many seconds.
func shiftTimes(l *layout, data []byte, seconds uint32) {
	nums := []byte{253}
	switch l.global {
	case fileIDMessage:
		nums = []byte{4}
	case sessionMessage, lapMessage:
		nums = []byte{253, 2}
	case activityMessage:
		nums = []byte{253, 5}
	}
	for _, num := range nums {
		if b := l.find(data, num); len(b) == 4 {
			binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+seconds)
		}
	}
}

func newRun(random *rand.Rand) *run {
	easy := 118 + random.Float64()*16
	return &run{
		random: random, hr: easy - 25, effort: easy, easy: easy, hard: easy + 30 + random.Float64()*20,
		fraction: random.Float64() * 0.3, speed: 2.8, altitude: 300 + random.Float64()*300,
		lat: 46 + random.Float64()*2, lon: 7 + random.Float64()*2, heading: random.Float64() * 2 * math.Pi,
	}
}

// step lets a second pass and returns the heart rate.
func (r *run) step() uint8 {
	if r.until--; r.until <= 0 {
		r.until = 60 + r.random.Float64()*240
		r.effort = r.easy
		if r.random.Float64() < r.fraction {
			r.effort = r.hard
		}
	}
	r.hr += (r.effort-r.hr)/30 + r.random.NormFloat64()*0.5
	r.speed += (2.2+(r.effort-r.easy)/30-r.speed+0.6)/20 + r.random.NormFloat64()*0.03
	r.speed = min(max(r.speed, 1), 6)
	r.altitude += r.random.NormFloat64() * 0.1
	r.cadence = 86 + r.random.NormFloat64()
	r.heading += r.random.NormFloat64() * 0.02
	r.metres += r.speed
	const metresPerDegree = 111195.0802
	r.lat += r.speed * math.Cos(r.heading) / metresPerDegree
	r.lon += r.speed * math.Sin(r.heading) / metresPerDegree / math.Cos(r.lat*math.Pi/180)
	return uint8(min(max(r.hr, 60), 205))
}

// put writes the run's state into a record.
func (r *run) put(l *layout, data []byte, hr uint8) error {
	const semicircles = (1 << 31) / 180.0
	for _, f := range []struct {
		num   byte
		size  int
		value uint32
	}{
		{0, 4, uint32(int32(r.lat * semicircles))},
		{1, 4, uint32(int32(r.lon * semicircles))},
		{2, 2, uint32(fitAltitude(int32(r.altitude * 100)))},
		{3, 1, uint32(hr)},
		{4, 1, uint32(r.cadence)},
		{5, 4, uint32(r.metres * 100)},
		{6, 2, uint32(r.speed * 1000)},
	} {
		b := l.find(data, f.num)
		if len(b) != f.size {
			return fmt.Errorf("field %d of a record has %d bytes, want %d", f.num, len(b), f.size)
		}
		for k := range b {
			b[k] = byte(f.value >> (8 * k))
		}
	}
	return nil
}
