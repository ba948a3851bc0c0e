package xmltrack_test

import (
	"fmt"
	"testing"

	"plodwatch/ingest/xmltrack"
)

func TestClocks(t *testing.T) {
	zones := []string{xmltrack.ZoneUTC: "utc", xmltrack.ZoneNone: "none", xmltrack.ZoneOffset: "offset", xmltrack.ZoneRefused: "refused"}
	for text, want := range map[string]string{
		"2025-05-01T06:00:00Z":                "1746079200000 0 utc",
		"2025-05-01T08:00:00+02:00":           "1746079200000 7200 offset",
		"2025-05-01T08:00:00.179+02:00":       "1746079200179 7200 offset",
		"2025-04-30T18:30:00.5-11:30":         "1746079200500 -41400 offset",
		"2025-05-01T08:00:00,25+0200":         "1746079200250 7200 offset",
		"2025-05-01T08:00:00+02":              "1746079200000 7200 offset",
		"2025-05-01T06:00:00+00:00":           "1746079200000 0 utc",
		"2025-05-01T06:00:00-00:00":           "1746079200000 0 utc",
		"2025-05-01T06:00:00":                 "1746079200000 0 none",
		"2025-05-01 06:00:00":                 "1746079200000 0 none",
		"2025-05-01t06:00:00z":                "1746079200000 0 utc",
		"2025-05-01T06:00:00.123456789Z":      "1746079200123 0 utc",
		"2025-05-01T05:59:60Z":                "1746079200000 0 utc",
		"2025-04-30T24:00:00Z":                "1746057600000 0 utc",
		"2025-05-02T05:00:00+23:00":           "1746079200000 0 refused",
		"2025-05-01T06:07:00+00:07":           "1746079200000 0 refused",
		"1901-12-13T20:45:52.2073437Z":        "-2147483647793 0 utc",
		"2024-02-29T00:00:00Z":                "1709164800000 0 utc",
		"2025-02-29T00:00:00Z":                "bad",
		"2025-13-01T00:00:00Z":                "bad",
		"2025-05-01T06:00:00 Europe/Oslo":     "bad",
		"2025-05-01T06:00:00+2:00":            "bad",
		"2025-05-01T06:00:00+02:61":           "bad",
		"2025-05-01T25:00:00Z":                "bad",
		"2025-05-01":                          "bad",
		"2025-05-01T06:00Z":                   "bad",
		"":                                    "bad",
		"yesterday":                           "bad",
		"2025-05-01T06:00:0" + "\u0660" + "Z": "bad",
	} {
		c, ok := xmltrack.ParseClock([]byte(text))
		got := "bad"
		if ok {
			got = fmt.Sprintf("%d %d %s", c.Ms, c.OffsetS, zones[c.Zone])
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
