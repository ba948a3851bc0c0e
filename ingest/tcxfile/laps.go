package tcxfile

import (
	"math"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// timerMs is the time of the laps together, 0 when one does not say.
func (a *activity) timerMs() int64 {
	sum := 0.0
	for i := range a.laps {
		if !a.laps[i].has[fLapTimer] {
			return 0
		}
		sum += a.laps[i].values[fLapTimer]
	}
	return ms(sum)
}

func ms(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

// summary puts the laps' figures together: sums, the highest heart rate, and
// the average of the averages by time. What not every lap gives is not given,
// and nothing is when a part of the activity is missing.
func (a *activity) summary() schema.WatchSummary {
	var w schema.WatchSummary
	if !a.whole || len(a.laps) == 0 {
		return w
	}
	all := [fLapMaxHR + 1]bool{fLapDistance: true, fLapCalories: true, fLapAvgHR: true, fLapMaxHR: true}
	var metres, kcal, beats, highest, seconds float64
	for i := range a.laps {
		l := &a.laps[i]
		if !l.whole {
			return schema.WatchSummary{}
		}
		for f := range all {
			all[f] = all[f] && l.has[f]
		}
		metres += l.values[fLapDistance]
		kcal += l.values[fLapCalories]
		beats += l.values[fLapAvgHR] * l.values[fLapTimer]
		seconds += l.values[fLapTimer]
		highest = max(highest, l.values[fLapMaxHR])
	}
	w.TimerMs = a.timerMs()
	if all[fLapDistance] {
		w.DistanceCm = int64(math.Round(metres * 100))
	}
	if all[fLapCalories] {
		w.CaloriesKcal = int32(min(math.Round(kcal), math.MaxInt32))
	}
	if all[fLapAvgHR] && w.TimerMs > 0 {
		w.AvgHR = xmltrack.BPM(beats / seconds)
	}
	if all[fLapMaxHR] {
		w.MaxHR = xmltrack.BPM(highest)
	}
	return w
}

// lapsOf returns the complete laps. A lap lasts until the next one begins, the
// last one until its last sample, one without samples for as long as its timer;
// what has neither start nor samples is left out.
func (a *activity) lapsOf() []schema.Lap {
	var laps []schema.Lap
	for i := range a.laps {
		l := &a.laps[i]
		start := l.startMs()
		if !l.whole || start == 0 {
			continue
		}
		end := max(start, a.lapEndMs(i))
		laps = append(laps, schema.Lap{
			StartMs: start, EndMs: end, ElapsedMs: end - start,
			TimerMs:    ms(l.values[fLapTimer]),
			DistanceCm: int64(math.Round(l.values[fLapDistance] * 100)),
			AvgHR:      xmltrack.BPM(l.values[fLapAvgHR]),
			MaxHR:      xmltrack.BPM(l.values[fLapMaxHR]),
		})
	}
	return laps
}

// dayMs is longer than any lap has no sample for.
const dayMs = 24 * 60 * 60 * 1000

// lapEndMs is when lap i ended.
func (a *activity) lapEndMs(i int) int64 {
	l := &a.laps[i]
	end := l.toMs
	if end == 0 {
		end = l.startMs() + ms(l.values[fLapTimer])
	}
	if i+1 < len(a.laps) {
		if next := a.laps[i+1].startMs(); next > l.startMs() && next-end <= dayMs {
			return next
		}
	}
	return end
}

// startMs is when the lap began, 0 when nothing tells.
func (l *lap) startMs() int64 {
	if l.start.Usable() {
		return l.start.Ms
	}
	return l.fromMs
}

// lapsInside returns the laps whose middle lies inside a session.
func lapsInside(laps []schema.Lap, startMs, endMs int64) []schema.Lap {
	var in []schema.Lap
	for i := range laps {
		if middle := (laps[i].StartMs + laps[i].EndMs) / 2; middle >= startMs && middle <= endMs {
			in = append(in, laps[i])
		}
	}
	return in
}
