package tcxfile

import "plodwatch/ingest/xmltrack"

// field is an element whose text is kept.
type field uint8

const (
	fNone field = iota
	// Of a track point; up to fPointEnd.
	fTime
	fLatitude
	fLongitude
	fAltitude
	fDistance
	fHeartRate
	fSpeed
	fCadence
	fRunCadence
	fPower
	fTemperature
	fPointEnd
	// Of a lap.
	fLapTimer
	fLapDistance
	fLapCalories
	fLapAvgHR
	fLapMaxHR
	// Of an activity.
	fID
	fCreator
)

// pointField tells the field by the local name of an element inside a track
// point. up is how many levels it lies below the point. What the format itself
// has counts at its own place; what comes as an extension, at any depth.
func pointField(local string, up int) field {
	if up == 1 {
		switch local {
		case "Time":
			return fTime
		case "AltitudeMeters":
			return fAltitude
		case "DistanceMeters":
			return fDistance
		case "HeartRateBpm": // a plain number in version 1, a Value inside since
			return fHeartRate
		}
	}
	switch local {
	case "LatitudeDegrees":
		return fLatitude
	case "LongitudeDegrees":
		return fLongitude
	case "Speed":
		return fSpeed
	case "Cadence":
		return fCadence
	case "RunCadence":
		return fRunCadence
	case "Watts", "Power", "PowerInWatts":
		return fPower
	case "Temperature", "Temp", "atemp":
		return fTemperature
	}
	return fNone
}

// lapField tells the field of a direct child of a lap.
func lapField(local string) field {
	switch local {
	case "TotalTimeSeconds":
		return fLapTimer
	case "DistanceMeters":
		return fLapDistance
	case "Calories":
		return fLapCalories
	case "AverageHeartRateBpm":
		return fLapAvgHR
	case "MaximumHeartRateBpm":
		return fLapMaxHR
	}
	return fNone
}

// channel returns the channel that decides which numbers are plausible.
func (f field) channel() xmltrack.Channel {
	switch f {
	case fAltitude:
		return xmltrack.Altitude
	case fDistance, fLapDistance:
		return xmltrack.Distance
	case fHeartRate, fLapAvgHR, fLapMaxHR:
		return xmltrack.HeartRate
	case fSpeed:
		return xmltrack.Speed
	case fCadence, fRunCadence:
		return xmltrack.Cadence
	case fPower:
		return xmltrack.Power
	case fTemperature:
		return xmltrack.Temperature
	}
	return xmltrack.NoChannel
}
