package gpxfile

import "plodwatch/ingest/xmltrack"

// channelOf tells the channel by the local name of an element, whatever its
// namespace: real files have wrong prefixes and unbound ones. Elevation and
// time count only as direct children of the point.
func channelOf(local string, direct bool) xmltrack.Channel {
	switch local {
	case "ele":
		if direct {
			return xmltrack.Altitude
		}
	case "time":
		if direct {
			return xmltrack.Time
		}
	case "hr", "HR", "heartrate", "heartRate", "HeartRate", "heart_rate", "bpm":
		return xmltrack.HeartRate
	case "speed", "Speed":
		return xmltrack.Speed
	case "cad", "cadence", "Cadence":
		return xmltrack.Cadence
	case "power", "Power", "watts", "Watts", "PowerInWatts":
		return xmltrack.Power
	case "atemp", "temp", "Temp":
		return xmltrack.Temperature
	case "distance", "Distance":
		return xmltrack.Distance
	}
	return xmltrack.NoChannel
}
