package schema

// Sex selects between formulas that differ by sex.
type Sex string

// The values of Sex; SexUnknown takes the men's constants where a formula has
// only two forms, and results say so by their settings.
const (
	SexUnknown Sex = ""
	SexFemale  Sex = "female"
	SexMale    Sex = "male"
)

// ZoneModel names a way of dividing heart rates into zones.
type ZoneModel string

// The zone models. ZoneCustom takes its lower bounds from Settings.CustomBounds.
const (
	ZoneHRMax5 ZoneModel = "hrmax5" // 50/60/70/80/90 % of max HR
	ZoneHRR5   ZoneModel = "hrr5"   // the same fractions of the heart rate reserve
	ZoneFriel7 ZoneModel = "friel7" // fractions of the lactate threshold HR (Friel)
	ZoneCustom ZoneModel = "custom"
)

// Settings are an athlete's facts valid from a day on. Zero values mean not
// set. Thresholds are in bpm and may be fractional.
type Settings struct {
	Athlete      AthleteID
	ValidFrom    Day // first local day they hold for
	HRMax        float64
	HRRest       float64
	LTHR         float64
	VT1, VT2     float64
	BirthYear    int
	Sex          Sex
	ZoneModel    ZoneModel // "" = ZoneHRMax5
	CustomBounds []float64 // ascending lower bounds of zones 1..n
	TimeZone     string    // IANA name, "" = not set
}

// Day is a calendar day as days since 1970-01-01.
type Day int32
