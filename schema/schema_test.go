package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"plodwatch/schema"
)

func TestIdentitiesAreText(t *testing.T) {
	export := schema.ExportIDOf([]byte("a file"))
	session := schema.SessionIDOf("anna", export, 3)
	type both struct {
		Export  schema.ExportID
		Session schema.SessionID
	}
	data, err := json.Marshal(both{export, session})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Export":"` + export.String() + `","Session":"` + session.String() + `"}`; string(data) != want {
		t.Errorf("JSON is %s, want %s", data, want)
	}
	var back both
	if err := json.Unmarshal(data, &back); err != nil || back.Export != export || back.Session != session {
		t.Errorf("read back %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"Export":"12"}`), &back); !errors.Is(err, schema.ErrBadID) {
		t.Errorf("a short id gives %v", err)
	}
	if err := json.Unmarshal([]byte(`{"Session":"`+export.String()[:36]+`"}`), &back); !errors.Is(err, schema.ErrBadID) {
		t.Errorf("a session id without dashes gives %v", err)
	}
}

func TestSessionsOfAthletesAndPlacesDiffer(t *testing.T) {
	payload := schema.ExportIDOf([]byte("a file"))
	seen := map[schema.SessionID]string{}
	for _, athlete := range []schema.AthleteID{"a", "b", "a0"} {
		for ordinal := range 3 {
			id := schema.SessionIDOf(athlete, payload, ordinal)
			if other, ok := seen[id]; ok {
				t.Errorf("%s %d has the id of %s", athlete, ordinal, other)
			}
			seen[id] = string(athlete)
			if id[6]>>4 != 8 || id[8]>>6 != 2 {
				t.Errorf("%s is no UUID of version 8", id)
			}
		}
	}
}

func TestAthleteIDs(t *testing.T) {
	for name, ok := range map[string]bool{
		"me": true, "Anna_2-b": true, "": false, "a.b": false, "a b": false, "a/b": false, "ä": false, "*": false, ">": false,
		string(make([]byte, 65)): false,
	} {
		if _, err := schema.ParseAthleteID(name); (err == nil) != ok || err != nil && !errors.Is(err, schema.ErrBadID) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDays(t *testing.T) {
	for _, c := range []struct {
		ms     int64
		offset int32
		want   string
	}{
		{0, 0, "1970-01-01"},
		{-1, 0, "1969-12-31"},
		{1704067199999, 0, "2023-12-31"},
		{1704067199999, 3600, "2024-01-01"},
		{1709164800000, -3600, "2024-02-28"},
		{1709208000000, 0, "2024-02-29"},
	} {
		if got := schema.DayOf(c.ms, c.offset).String(); got != c.want {
			t.Errorf("day of %d at %+d s is %s, want %s", c.ms, c.offset, got, c.want)
		}
		back, err := schema.ParseDay(c.want)
		if err != nil || back.String() != c.want {
			t.Errorf("%s reads back as %s, %v", c.want, back, err)
		}
	}
	if _, err := schema.ParseDay("2023-02-29"); !errors.Is(err, schema.ErrBadDay) {
		t.Errorf("a day that never was gives %v", err)
	}
}

func TestSettingsNameEveryFault(t *testing.T) {
	bad := schema.Settings{HRMax: 300, HRRest: 310, VT1: 170, BirthYear: 12, Sex: "x", ZoneModel: "custom", TimeZone: "Mars/Base"}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"max HR", "resting HR", "VT1 and VT2", "birth year", "sex", "zone bounds", "time zone"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
	good := schema.Settings{
		HRMax: 190, HRRest: 50, LTHR: 168, VT1: 150, VT2: 170, BirthYear: 1980, Sex: schema.SexFemale,
		ZoneModel: schema.ZoneCustom, CustomBounds: []float64{100, 120.5}, TimeZone: "Europe/Oslo",
	}
	if err := good.Validate(); err != nil {
		t.Errorf("sound settings: %v", err)
	}
	if err := (&schema.Settings{}).Validate(); err != nil {
		t.Errorf("no settings at all: %v", err)
	}
}

func TestSamplesPromises(t *testing.T) {
	s := schema.Samples{TimeMs: []int64{1, 2, 3}, HeartRate: []uint8{0, 0, 0}, SpeedMMps: []int32{schema.Missing, 5, schema.Missing}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	part := s.Slice(1, 3)
	if part.Len() != 2 || part.SpeedMMps[0] != 5 || part.LatE7 != nil {
		t.Errorf("slice is %+v", part)
	}
	s.DropEmpty()
	if s.HeartRate != nil || s.SpeedMMps == nil {
		t.Errorf("after DropEmpty: %+v", s)
	}
	for name, broken := range map[string]schema.Samples{
		"short column": {TimeMs: []int64{1, 2}, PowerW: []int32{1}},
		"same instant": {TimeMs: []int64{1, 1}},
		"going back":   {TimeMs: []int64{2, 1}},
		"heart rates":  {TimeMs: []int64{1}, HeartRate: []uint8{1, 2}},
	} {
		if broken.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRefusalSaysAll(t *testing.T) {
	r := schema.Reject(schema.ReasonMalformed, "at byte 12")
	wrapped := errors.Join(errors.New("other"), r)
	if got := schema.AsRefusal(wrapped); got != r || got.Error() != "rejected: malformed: at byte 12" {
		t.Errorf("got %v", got)
	}
	if schema.AsRefusal(errors.New("x")) != nil {
		t.Error("found a refusal where there is none")
	}
}

func TestFlagsStaySorted(t *testing.T) {
	var flags []schema.Flag
	for _, f := range []schema.Flag{schema.FlagTruncated, schema.FlagCRCBad, schema.FlagTruncated, schema.FlagChained} {
		flags = schema.AddFlag(flags, f)
	}
	want := []schema.Flag{schema.FlagChained, schema.FlagCRCBad, schema.FlagTruncated}
	if len(flags) != len(want) {
		t.Fatalf("flags %v", flags)
	}
	for i := range want {
		if flags[i] != want[i] {
			t.Errorf("flags %v, want %v", flags, want)
		}
	}
}

// Numbers for JSON have 53 bits and are those of the identity's own digits.
func TestNumbersOfIdentities(t *testing.T) {
	job := schema.JobID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if got := job.UploadID(); got != 1<<53-1 {
		t.Errorf("upload id of all ones = %d, want %d", got, int64(1)<<53-1)
	}
	if got := (schema.JobID{0, 0, 0, 0, 0, 0, 0x08, 0}).UploadID(); got != 1 {
		t.Errorf("upload id of the lowest bit = %d, want 1", got)
	}
	session := schema.SessionID{15: 0x08}
	if got := session.ActivityID(); got != 1 {
		t.Errorf("activity id of the lowest bit = %d, want 1", got)
	}
	session = schema.SessionID{8: 0xbf, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}
	if got := session.ActivityID(); got != 1<<53-1 {
		t.Errorf("activity id of all ones = %d, want %d", got, int64(1)<<53-1)
	}
}
