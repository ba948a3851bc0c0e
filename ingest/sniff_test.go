package ingest_test

import (
	"testing"

	"golang.org/x/text/encoding/unicode"

	"plodwatch/ingest"
)

func TestSniffTellsTheKindByContent(t *testing.T) {
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("<?xml version='1.0'?><gpx/>")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String("<gpx/>")
	if err != nil {
		t.Fatal(err)
	}
	for head, want := range map[string]ingest.Kind{
		"\x0e\x10\xd9\x07\x00\x00\x00\x00.FIT\x00\x00": ingest.KindFIT,
		"\x0c\x10\xd9\x07\x00\x00\x00\x00.FIT":         ingest.KindFIT,
		"\x1f\x8b\x08":                                 ingest.KindGzip,
		"PK\x03\x04rest":                               ingest.KindZip,
		"PK\x05\x06":                                   ingest.KindZip,
		"<gpx>":                                        ingest.KindGPX,
		"<gpx":                                         ingest.KindGPX,
		"\ufeff \n<?xml version=\"1.0\"?>\n<!-- <kml> --><x:gpx a='b'>": ingest.KindGPX,
		"<!DOCTYPE gpx [<!ENTITY a \"b\">]><gpx>":                       ingest.KindGPX,
		wide: ingest.KindGPX,
		bare: ingest.KindGPX,
		"\t<TrainingCenterDatabase xmlns=\"http://www.garmin.com\">": ingest.KindTCX,
		"<?xml version=\"1.0\"?><kml><gpx/></kml>":                   ingest.KindUnknown,
		"<!-- <gpx> ":  ingest.KindUnknown,
		"gpx":          ingest.KindUnknown,
		"":             ingest.KindUnknown,
		"<":            ingest.KindUnknown,
		"<?xml":        ingest.KindUnknown,
		"{\"gpx\": 1}": ingest.KindUnknown,
	} {
		if got := ingest.Sniff([]byte(head)); got != want {
			t.Errorf("%q: %s, want %s", head, got, want)
		}
	}
}

func TestLitterIsTold(t *testing.T) {
	for name, want := range map[string]bool{
		"": true, ".": true, ".hidden": true, "~lock": true, "._run.fit": true, "run.fit.part": true, "run.TMP": true,
		"run.crdownload": true, "Thumbs.db": true, "desktop.ini": true, "__MACOSX": true,
		"run.fit": false, "part": false, "x.fit": false, "2025": false, "run~.gpx": false,
	} {
		if got := ingest.IsLitter(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
