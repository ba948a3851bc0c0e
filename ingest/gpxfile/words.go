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
}

func newWords() words {
	start := func(local string) xml.Token { return xml.StartElement{Name: xml.Name{Local: local}} }
	end := func(local string) xml.Token { return xml.EndElement{Name: xml.Name{Local: local}} }
	return words{
		point: xml.Name{Local: "trkpt"}, lat: xml.Name{Local: "lat"}, lon: xml.Name{Local: "lon"},
		gpx: start("gpx"), gpxEnd: end("gpx"),
		trk: start("trk"), trkEnd: end("trk"),
		typ: start("type"), typEnd: end("type"),
		seg: start("trkseg"), segEnd: end("trkseg"),
		pointEnd: end("trkpt"),
		ele:      start("ele"), eleEnd: end("ele"),
		time: start("time"), timeEnd: end("time"),
	}
}
