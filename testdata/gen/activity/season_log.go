package activity

import (
	"math"
	"math/rand/v2"
	"time"
)

// SeasonDay is a day of the athlete's log. Zero values and "" mean that nothing
// was written.
type SeasonDay struct {
	Day       time.Time // local day, midnight UTC
	RestingHR int       // bpm
	HRV       int       // rMSSD, ms
	SleepH    float64   // hours
	Energy    string    // as written: a number, a word, a colour or an emoji
	Level     int       // what it means, 1 to 5
	Note      string
}

// logOf writes the log: steady while training goes well; in the overtrained
// spring the resting heart rate rises by 7 and again by 6 bpm, and energy,
// variability and sleep fall.
func logOf(s *Season, seed uint64) []SeasonDay {
	random := rand.New(rand.NewPCG(seed, 1<<40))
	var days []SeasonDay
	for i := range 7 * len(s.Weeks) {
		week := float64(i) / 7
		d := SeasonDay{Day: s.From.AddDate(0, 0, i)}
		up := interpolate(week, [][2]float64{
			{0, 0},
			{weekOvertrained, 0},
			{weekOvertrained + 4, 1},
			{weekOvertrained + 5, 8},
			{weekOvertrained + 9.5, 8},
			{weekOvertrained + 10, 14},
			{weekRest, 14},
			{weekRest + 8, 2},
			{weekReturn2, 1},
			{weekAfter, 0},
		})
		energy := interpolate(week, [][2]float64{
			{0, 4},
			{weekOvertrained + 3, 4},
			{weekOvertrained + 5, 2.6},
			{weekOvertrained + 9, 2.4},
			{weekOvertrained + 10, 1.2},
			{weekRest + 1, 1.2},
			{weekRest + 9, 3.6},
			{weekReturn2, 4},
		})
		noise, mood := random.NormFloat64(), random.NormFloat64()
		d.RestingHR = int(math.Round(SeasonHRRest + up + noise))
		d.HRV = int(math.Round(68 - 1.6*up - 3*noise))
		d.SleepH = math.Round((7.6-0.1*up+0.4*random.NormFloat64())*4) / 4
		d.Level = int(math.Round(min(max(energy+0.4*mood, 1), 5)))
		d.Energy = energyWritten(d.Level, random.IntN(4))
		switch random.IntN(25) {
		case 0:
			continue // forgot the day
		case 1:
			d.RestingHR, d.HRV = 0, 0 // no measurement
		case 2:
			d.Energy, d.Level = "", 0
		}
		if d.Level == 1 {
			d.Note = "heavy legs, no wish to run"
		}
		days = append(days, d)
	}
	return days
}

// energyWritten is one of four ways of writing a level from 1 to 5.
func energyWritten(level, way int) string {
	return [5][4]string{
		{"1", "exhausted", "red", "😫"},
		{"2", "tired", "orange", "🙁"},
		{"3", "ok", "yellow", "😐"},
		{"4", "good", "green", "🙂"},
		{"5", "great", "5/5", "😀"},
	}[level-1][way]
}
