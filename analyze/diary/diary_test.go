package diary_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/analyze/diary"
	"plodwatch/schema"
)

func TestEnergyIsReadHoweverItIsWritten(t *testing.T) {
	for level, written := range map[int][]string{
		1: {"1", "1.4", "exhausted", "Very Tired!", "red", "🔴", "😫", "erschöpft", "utslitt", "épuisée", "agotado", "sfinito", "0 %", "1/5", "1/10", ":'("},
		2: {"2", "tired", "orange", "🙁", "☹️", "müde", "sliten", "trött", "fatigué", "cansada", "stanco", "25%", "2/5", "👎🏽", ":-("},
		3: {"3", " 3 ", "ok", "so so", "yellow", "😐", "mittel", "middels", "moyen", "regular", "così così", "50 %", "3/5", "5/10", "tired, good", "1+5"},
		4: {"4", "3.6", "3,6", "good", "Fresh", "green", "🙂", "🟢", "gut", "bra", "bien", "bene", "75%", "4/5", "8/10", "👍🏿"},
		5: {"5", "GREAT", "very_good", "dark green", "5/5", "10/10", "100 %", "😀", "💪🏾", "sehr gut", "kjempebra", "très bien", "muy  bien", "ottimo", "🚀"},
	} {
		for _, text := range written {
			got, err := diary.ParseEnergy(text)
			if err != nil || got.Level != level {
				t.Errorf("%q: level %d, %v; want %d", text, got.Level, err, level)
			}
			if got.Written != strings.TrimSpace(text) {
				t.Errorf("%q was kept as %q", text, got.Written)
			}
		}
	}
	for _, text := range []string{"", "  ", "0", "6", "-1", "7", "NaN", "Inf", "tierd", "101%", "6/5", "3/1", "3/", "/5", "🦄", "good tierd", "!", ","} {
		if got, err := diary.ParseEnergy(text); !errors.Is(err, diary.ErrBadEntry) {
			t.Errorf("%q: level %d, %v", text, got.Level, err)
		}
	}
}

// TestEveryWordOfEnergyHasOneMeaning reads what the error message promises and
// finds words that stand for two levels.
func TestEveryWordOfEnergyHasOneMeaning(t *testing.T) {
	for word, level := range map[string]int{"tired": 2, "ok": 3, "great": 5, "red": 1, "green": 4} {
		if got, err := diary.ParseEnergy(word); err != nil || got.Level != level {
			t.Errorf("%s: %d, %v", word, got.Level, err)
		}
	}
	seen := make(map[string]int)
	for i, words := range diary.EnergyWords() {
		for word := range strings.SplitSeq(words, " | ") {
			if other, twice := seen[word]; twice {
				t.Errorf("%q stands for %d and %d", word, other, i+1)
			}
			seen[word] = i + 1
			if got, err := diary.ParseEnergy(strings.ToUpper(word)); err != nil || got.Level != i+1 {
				t.Errorf("%q: %d, %v; want %d", word, got.Level, err, i+1)
			}
		}
	}
}

func TestEnergyInJSON(t *testing.T) {
	var got struct{ A, B, C *diary.Energy }
	if err := json.Unmarshal([]byte(`{"a": 4, "b": "🙁"}`), &got); err != nil {
		t.Fatal(err)
	}
	if *got.A != (diary.Energy{Level: 4, Written: "4"}) || *got.B != (diary.Energy{Level: 2, Written: "🙁"}) || got.C != nil {
		t.Errorf("got %v %v %v", got.A, got.B, got.C)
	}
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again struct{ A, B, C *diary.Energy }
	if err := json.Unmarshal(data, &again); err != nil || *again.A != *got.A || *again.B != *got.B || again.C != nil {
		t.Errorf("%s reads back as %v %v %v, %v", data, again.A, again.B, again.C, err)
	}
	for _, text := range []string{`{"a": 9}`, `{"a": true}`, `{"a": [1]}`, `{"a": ""}`} {
		if err := json.Unmarshal([]byte(text), &got); !errors.Is(err, diary.ErrBadEntry) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func f(v float64) *float64 { return &v }

func day(t *testing.T, s string) schema.Day {
	t.Helper()
	d, err := schema.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLogTableGoesOnAfterABadLine(t *testing.T) {
	const text = "\ufeffDate,Resting HR,hrv,Sleep hours,Energy,Note,Athlete,steps\n" +
		"2026-03-01,52,68.5,7.5,🙂,\"slept, well\",,9000\n" +
		"01.03.2026,52,,,,,,\n" + // 3: the day
		"2026-03-02,fast,,,purple,,,\n" + // 4: two faults
		"2026-03-03,,,,,,anna\n" + // 5: nothing written
		"2026-03-04,300,,25,,,,\n" + // 6: out of range
		"2026-03-05,50,,,,,an na,\n" + // 7: the athlete
		"2026-03-06,5\"0,,,,,,\n" + // 8: a quote
		"2026-03-07,51,,,\"two\nlines\",,\n" + // 9: energy over two lines
		"2026-03-08,51,,,great,,anna\n"
	got, err := diary.ReadLog(strings.NewReader(text), "me")
	if err != nil {
		t.Fatal(err)
	}
	want := []diary.Entry{
		{Athlete: "me", Day: day(t, "2026-03-01"), RestingHR: f(52), HRV: f(68.5), SleepH: f(7.5), Energy: &diary.Energy{Level: 4, Written: "🙂"}, Note: "slept, well"},
		{Athlete: "anna", Day: day(t, "2026-03-08"), RestingHR: f(51), Energy: &diary.Energy{Level: 5, Written: "great"}},
	}
	if d := cmp.Diff(want, got.Rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"steps"}, got.Ignored); d != "" {
		t.Errorf("ignored (-want +got):\n%s", d)
	}
	faults := map[int]string{
		3: `day "01.03.2026"`, 4: `"fast": need a number; energy "purple"`, 5: "nothing is written", 6: "resting HR 300: need 20 to 120 bpm; sleep 25",
		7: `athlete "an na"`, 8: "quote", 9: `energy "two`,
	}
	for _, fault := range got.Faults {
		if !errors.Is(fault, diary.ErrBadEntry) || !strings.HasPrefix(fault.Error(), fmt.Sprintf("line %d: ", fault.Line)) {
			t.Errorf("fault %v", fault)
		}
		if need := faults[fault.Line]; need == "" || !strings.Contains(fault.Error(), need) {
			t.Errorf("line %d: %q does not say %q", fault.Line, fault, need)
		}
		if strings.Count(fault.Error(), "\n") > 0 || strings.Count(fault.Error(), "invalid entry") > 1 {
			t.Errorf("fault %q", fault)
		}
		delete(faults, fault.Line)
	}
	if len(faults) > 0 {
		t.Errorf("no word about %v", faults)
	}
}

func TestTablesOfOtherPrograms(t *testing.T) {
	for name, text := range map[string]string{
		"semicolons and decimal commas": "day;rhr;sleep\n2026-03-01;52,5;7,25\n",
		"tabs with empty cells":         "date\tnote\tresting_hr\tsleep\n2026-03-01\t\t52.5\t7.25\n",
		"carriage returns":              "date,resting-hr,sleep_h\r\n2026-03-01,52.5,7.25\r\n\r\n",
		"no end of line":                "sleep,date,resting_heart_rate\n7.25,2026-03-01,52.5",
	} {
		got, err := diary.ReadLog(strings.NewReader(text), "me")
		if err != nil || len(got.Faults) > 0 {
			t.Errorf("%s: %v %v", name, err, got)
			continue
		}
		want := []diary.Entry{{Athlete: "me", Day: day(t, "2026-03-01"), RestingHR: f(52.5), SleepH: f(7.25)}}
		if d := cmp.Diff(want, got.Rows); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, text := range map[string]string{"nothing": "", "no date": "resting_hr\n52\n", "only a quote": "\""} {
		if _, err := diary.ReadLog(strings.NewReader(text), "me"); !errors.Is(err, diary.ErrBadEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlanTable(t *testing.T) {
	got, err := diary.ReadPlans(strings.NewReader("date,kind,athlete\n2026-03-01,Easy,\n2026-03-02,lazy,\n2026-03-03,rest,anna\n,hard,\n"), "me")
	if err != nil {
		t.Fatal(err)
	}
	want := []diary.Plan{
		{Athlete: "me", Day: day(t, "2026-03-01"), Intent: diary.IntentEasy},
		{Athlete: "anna", Day: day(t, "2026-03-03"), Intent: diary.IntentRest},
	}
	if d := cmp.Diff(want, got.Rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if len(got.Faults) != 2 || got.Faults[0].Line != 3 || got.Faults[1].Line != 5 {
		t.Errorf("faults %v", got.Faults)
	}
}

func TestProtocolTable(t *testing.T) {
	got, err := diary.ReadProtocol(strings.NewReader(`protocol,phase,name,weeks,days_per_week,sports,volume_from_pct,volume_to_pct,cap_rule,under_cap_share,hard_share_to,hard_sessions,hard_later_from
ours,1,rest,2,3,walking cycling,,,session,,,,
ours,2,back,,5,,60,80,week,0.8,0.1,1,3
ours,3,no share,,5,,,,week,,,,
ours,4,wrong,0,9,,80,60,never,1.5,2,-1,
ours,0,,,5,,,,,,,,
`))
	if err != nil {
		t.Fatal(err)
	}
	two, three := 2, 3
	want := []diary.Phase{
		{Protocol: "ours", Phase: 1, Name: "rest", Weeks: &two, DaysPerWeek: 3, Sports: []string{"walking", "cycling"}, CapRule: diary.CapSession},
		{
			Protocol: "ours", Phase: 2, Name: "back", DaysPerWeek: 5, Sports: []string{}, VolumeFromPct: f(60), VolumeToPct: f(80), CapRule: diary.CapWeek,
			UnderCapShare: f(0.8), HardShareTo: f(0.1), HardSessions: 1, HardLaterFrom: &three,
		},
	}
	if d := cmp.Diff(want, got.Rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if len(got.Faults) != 3 {
		t.Errorf("faults %v", got.Faults)
	}
}

func TestReturnsThatMakeNoSense(t *testing.T) {
	good := diary.Return{Athlete: "me", Protocol: "overtraining", Phase: 1, BaselineKm: f(50)}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if err := (&diary.Return{Athlete: "me"}).Validate(); err != nil {
		t.Errorf("an end: %v", err)
	}
	for name, change := range map[string]func(*diary.Return){
		"athlete":  func(r *diary.Return) { r.Athlete = "a b" },
		"phase":    func(r *diary.Return) { r.Phase = -1 },
		"protocol": func(r *diary.Return) { r.Protocol = "" },
		"km":       func(r *diary.Return) { r.BaselineKm = f(0) },
		"both":     func(r *diary.Return) { r.BaselineMinutes = f(300) },
	} {
		r := good
		change(&r)
		if err := r.Validate(); !errors.Is(err, diary.ErrBadEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add("date,resting_hr,energy\n2026-03-01,52,🙂\n")
	f.Add("date;intent\n2026-03-01;easy\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := diary.ReadLog(strings.NewReader(text), "me"); err == nil {
			for i := range got.Rows {
				if err := got.Rows[i].Validate(); err != nil {
					t.Errorf("row %d: %v", i, err)
				}
			}
		}
		if got, err := diary.ReadPlans(strings.NewReader(text), "me"); err == nil {
			for _, p := range got.Rows {
				if _, err := diary.ParseIntent(string(p.Intent)); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
