package web

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"plodwatch/schema"
)

// field is one input of a form.
type field struct {
	Name, Label, Value, Unit, Hint string
	Choices                        []link // Name is the text, Address the value; none: a free input
}

// settingsForm is the form for dated settings. What it says is all that holds
// from its day on: an empty field is a fact that is not known.
type settingsForm struct {
	From   string // 2006-01-02, "" = from the very beginning
	Fields []field
}

// formOf returns the form with the values of a query.
func formOf(q url.Values) settingsForm {
	f := settingsForm{From: q.Get("from")}
	for _, one := range settingsFields() {
		one.Value = strings.TrimSpace(q.Get(one.Name))
		for i := range one.Choices {
			one.Choices[i].Here = one.Choices[i].Address == one.Value
		}
		f.Fields = append(f.Fields, one)
	}
	return f
}

func settingsFields() []field {
	return []field{
		{Name: "max_hr", Label: "Max HR", Unit: "bpm"},
		{Name: "rest_hr", Label: "Resting HR", Unit: "bpm"},
		{Name: "lthr", Label: "Lactate threshold HR", Unit: "bpm"},
		{Name: "vt1", Label: "VT1, first ventilatory threshold", Unit: "bpm"},
		{Name: "vt2", Label: "VT2, second ventilatory threshold", Unit: "bpm"},
		{Name: "threshold_pace", Label: "Threshold pace", Unit: "min:s per km", Hint: "4:30"},
		{Name: "zone_model", Label: "Zones", Choices: []link{
			{Name: "% of max HR (the usual)"},
			{Name: "% of max HR, said expressly", Address: "hrmax5"},
			{Name: "% of heart rate reserve", Address: "hrr5"},
			{Name: "Friel, by threshold HR", Address: "friel7"},
			{Name: "custom bounds", Address: "custom"},
		}},
		{Name: "zone_bounds", Label: "Custom zone bounds", Unit: "bpm, ascending", Hint: "120, 140, 155, 170"},
		{Name: "birth_year", Label: "Born in", Unit: "year"},
		{Name: "sex", Label: "Sex", Choices: []link{{Name: "not said"}, {Name: "female", Address: "female"}, {Name: "male", Address: "male"}}},
		{Name: "time_zone", Label: "Time zone", Hint: "Europe/Oslo"},
	}
}

// valuesOf writes settings as the form has them.
func valuesOf(s *schema.Settings) url.Values {
	q := url.Values{}
	put := func(name, text string) {
		if text != "" && text != "0" {
			q.Set(name, text)
		}
	}
	for name, v := range map[string]float64{"max_hr": s.HRMax, "rest_hr": s.HRRest, "lthr": s.LTHR, "vt1": s.VT1, "vt2": s.VT2} {
		put(name, strconv.FormatFloat(v, 'f', -1, 64))
	}
	var bounds []string
	for _, b := range s.CustomBounds {
		bounds = append(bounds, strconv.FormatFloat(b, 'f', -1, 64))
	}
	put("zone_bounds", strings.Join(bounds, ", "))
	put("birth_year", strconv.Itoa(s.BirthYear))
	put("sex", string(s.Sex))
	put("zone_model", string(s.ZoneModel))
	put("time_zone", s.TimeZone)
	if p := s.ThresholdPace; p > 0 {
		put("threshold_pace", paceOf(p))
	}
	if s.ValidFrom > 0 {
		q.Set("from", s.ValidFrom.String())
	}
	return q
}

// paceOf writes s/km as 4:30, with tenths where it has them.
func paceOf(p float64) string {
	tenths := int(p*10 + 0.5)
	text := fmt.Sprintf("%d:%02d", tenths/600, tenths/10%60)
	if tenths%10 != 0 {
		text += "." + strconv.Itoa(tenths%10)
	}
	return text
}

// formFor returns the form a page begins with: what is asked to be changed, or
// the latest settings from today on, or nothing.
func formFor(dated []datedSettings, q url.Values, now time.Time) settingsForm {
	if q.Has("edit") {
		for i := range dated {
			if dated[i].ValidFrom.String() == q.Get("edit") {
				return formOf(valuesOf(&dated[i].Settings))
			}
		}
	}
	if len(dated) == 0 {
		return formOf(url.Values{"max_hr": q["max_hr"]})
	}
	values := valuesOf(&dated[0].Settings)
	if q.Has("new") {
		values.Set("from", now.Format(time.DateOnly))
	}
	if hr := q.Get("max_hr"); hr != "" {
		values.Set("max_hr", hr)
	}
	return formOf(values)
}

// readSettings reads what a form says. The error names every fault.
func readSettings(athlete schema.AthleteID, q url.Values) (schema.Settings, error) {
	s := schema.Settings{
		Athlete: athlete, Sex: schema.Sex(q.Get("sex")), ZoneModel: schema.ZoneModel(q.Get("zone_model")),
		TimeZone: strings.TrimSpace(q.Get("time_zone")),
	}
	var faults []error
	number := func(name, label string, to *float64) {
		text := strings.ReplaceAll(strings.TrimSpace(q.Get(name)), ",", ".")
		if text == "" {
			return
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v == 0 {
			faults = append(faults, fmt.Errorf("%s %q: need a number", label, text))
			return
		}
		*to = v
	}
	var born float64
	number("max_hr", "max HR", &s.HRMax)
	number("rest_hr", "resting HR", &s.HRRest)
	number("lthr", "LTHR", &s.LTHR)
	number("vt1", "VT1", &s.VT1)
	number("vt2", "VT2", &s.VT2)
	number("birth_year", "birth year", &born)
	s.BirthYear = int(max(-1, min(born, 1e6)))
	var err error
	if s.ThresholdPace, err = readPace(q.Get("threshold_pace")); err != nil {
		faults = append(faults, err)
	}
	if s.CustomBounds, err = readBounds(q.Get("zone_bounds")); err != nil {
		faults = append(faults, err)
	}
	if from := strings.TrimSpace(q.Get("from")); from != "" {
		if s.ValidFrom, err = schema.ParseDay(from); err != nil {
			faults = append(faults, err)
		}
	}
	return s, errors.Join(append(faults, s.Validate())...)
}

// readPace reads minutes and seconds per km as s/km; "" is 0.
func readPace(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	m, sec, ok := strings.Cut(text, ":")
	minutes, err1 := strconv.ParseUint(m, 10, 8)
	seconds, err2 := strconv.ParseFloat(sec, 64)
	if !ok || err1 != nil || err2 != nil || !(seconds >= 0 && seconds < 60) {
		return 0, fmt.Errorf("threshold pace %q: need minutes and seconds per km, for example 4:30", text)
	}
	return float64(minutes)*60 + seconds, nil
}

func readBounds(text string) ([]float64, error) {
	var all []float64
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return nil, fmt.Errorf("zone bounds %q: need numbers", part)
		}
		all = append(all, v)
	}
	return all, nil
}

// describe names what settings say, in the order of the form.
func describe(s *schema.Settings) []field {
	var all []field
	for _, f := range formOf(valuesOf(s)).Fields {
		if f.Value != "" {
			for _, c := range f.Choices {
				if c.Address == f.Value {
					f.Value = c.Name
				}
			}
			all = append(all, f)
		}
	}
	return all
}
