package gpxfile

import "encoding/xml"

// gpxgoTime is the layout of times that gpxgo reads without loss.
const gpxgoTime = "2006-01-02T15:04:05Z"

// words are the tokens handed to gpxgo, made once for each scanner.
type words struct {
	point, lat, lon xml.Name

	gpx, gpxEnd   xml.Token
	trk, trkEnd   xml.Token
	typ, typEnd   xml.Token
	seg, segEnd   xml.Token
	pointEnd      xml.Token
	ele, eleEnd   xml.Token
	time, timeEnd xml.Token
	ext, extEnd   xml.Token
	chans         [chCount]xml.Token
	chanEnds      [chCount]xml.Token
}

func newWords() words {
	start := func(local string) xml.Token { return xml.StartElement{Name: xml.Name{Local: local}} }
	end := func(local string) xml.Token { return xml.EndElement{Name: xml.Name{Local: local}} }
	w := words{
		point: xml.Name{Local: "trkpt"}, lat: xml.Name{Local: "lat"}, lon: xml.Name{Local: "lon"},
		gpx: start("gpx"), gpxEnd: end("gpx"),
		trk: start("trk"), trkEnd: end("trk"),
		typ: start("type"), typEnd: end("type"),
		seg: start("trkseg"), segEnd: end("trkseg"),
		pointEnd: end("trkpt"),
		ele:      start("ele"), eleEnd: end("ele"),
		time: start("time"), timeEnd: end("time"),
		ext: start("extensions"), extEnd: end("extensions"),
	}
	for c := chHR; c < chCount; c++ {
		w.chans[c], w.chanEnds[c] = start(c.word()), end(c.word())
	}
	return w
}

// word is the name under which a channel's value is handed to gpxgo.
func (c channel) word() string {
	switch c {
	case chHR:
		return "hr"
	case chSpeed:
		return "speed"
	case chCadence:
		return "cad"
	case chPower:
		return "power"
	case chTemp:
		return "atemp"
	case chDistance:
		return "distance"
	}
	return ""
}
