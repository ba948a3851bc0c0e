package fitfile

import "plodwatch/schema"

// columns are the samples of the whole file, in file order: schema columns of
// a common length that is at least n, of which n rows are filled.
type columns struct {
	schema.Samples
	devHR []uint8 // heart rates of a developer field, as HeartRate
	n     int
}

// channel says which column a record field goes to.
type channel uint8

// The channels, in the order in which the fields of a record are applied:
// where two fields feed one column, the better one comes last.
const (
	chHeartRate     channel = iota
	chCompressed            // speed and distance in three bytes
	chSpeed                 // 1/1000 m/s
	chSpeedEnhanced         // 1/1000 m/s
	chDistance              // 1/100 m
	chAltitude              // 1/5 m, from -500 m
	chAltitudeEnhanced
	chCadence
	chCadenceFraction // 1/128
	chPower
	chLatitude // semicircles
	chLongitude
	chTemperature
	chDeveloperHR // a developer field that stands for heart rate
	channelCount
)

// first rows of a file for which room is made at once at most; more come by
// doubling, so that a small definition in a large file costs no memory.
const firstRows = 1 << 15

// open makes sure that the columns which ch feeds exist.
func (c *columns) open(ch channel) {
	rows := len(c.TimeMs)
	switch ch {
	case chHeartRate:
		if c.HeartRate == nil {
			c.HeartRate = make([]uint8, rows)
		}
	case chCompressed:
		openColumn(&c.SpeedMMps, rows)
		openColumn(&c.DistanceCm, rows)
	case chSpeed, chSpeedEnhanced:
		openColumn(&c.SpeedMMps, rows)
	case chDistance:
		openColumn(&c.DistanceCm, rows)
	case chAltitude, chAltitudeEnhanced:
		openColumn(&c.AltitudeCm, rows)
	case chCadence, chCadenceFraction:
		openColumn(&c.Cadence100, rows)
	case chPower:
		openColumn(&c.PowerW, rows)
	case chLatitude:
		openColumn(&c.LatE7, rows)
	case chLongitude:
		openColumn(&c.LonE7, rows)
	case chTemperature:
		openColumn(&c.TempDeciC, rows)
	case chDeveloperHR:
		if c.devHR == nil {
			c.devHR = make([]uint8, rows)
		}
	}
}

// openColumn makes a column of missing values unless there is one. A column
// that is open but has no rows yet is not nil.
func openColumn(col *[]int32, rows int) {
	if *col == nil {
		*col = make([]int32, rows)
		fillMissing(*col)
	}
}

// grow makes room for rows rows in all open columns.
func (c *columns) grow(rows int) {
	c.TimeMs = append(make([]int64, 0, rows), c.TimeMs...)[:rows]
	if c.HeartRate != nil {
		c.HeartRate = append(make([]uint8, 0, rows), c.HeartRate...)[:rows]
	}
	if c.devHR != nil {
		c.devHR = append(make([]uint8, 0, rows), c.devHR...)[:rows]
	}
	for _, col := range c.Int32Columns() {
		if *col != nil {
			old := len(*col)
			*col = append(make([]int32, 0, rows), *col...)[:rows]
			fillMissing((*col)[old:])
		}
	}
}

// cut drops the room that was not used.
func (c *columns) cut() {
	c.Samples = c.Slice(0, c.n)
	if c.devHR != nil {
		c.devHR = c.devHR[:c.n]
	}
}

func fillMissing(s []int32) {
	if len(s) == 0 {
		return
	}
	s[0] = schema.Missing
	for n := 1; n < len(s); n *= 2 {
		copy(s[n:], s[:n])
	}
}
