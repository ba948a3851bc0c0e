package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"plodwatch/schema"
)

// WriteText writes the explanation for people.
func (x *Explanation) WriteText(w io.Writer) error {
	l := &lines{w: w}
	x.head(l)
	x.verdictText(l)
	x.zoneText(l)
	x.watchText(l)
	x.timeText(l)
	x.flagText(l)
	l.printf("\nfrom file %s (%s, decoder %d), rules %d, settings %s\n", x.FileSHA256, x.Format, x.DecoderVersion, x.RulesVersion, x.Settings.SettingsID)
	if len(x.Differences) == 0 {
		l.printf("worked out again from %d stored samples: agrees with what is stored\n", x.Samples)
	} else {
		l.printf("worked out again from %d stored samples: DIFFERS from what is stored in %s;\n", x.Samples, listed(x.Differences))
		l.printf("the session has not been analyzed since its settings, the rules or what was observed changed\n")
	}
	return l.err
}

func listed(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func (x *Explanation) head(l *lines) {
	l.printf("%s by %s on %s, %s local time (%s, %s)\n", sportName(x.Sport, x.SubSport), x.Athlete, x.LocalDay,
		x.StartedAt.Format(time.TimeOnly), offsetText(x.UTCOffsetS), offsetSourceText(x.UTCOffsetSource))
	l.printf("session %s", x.SessionID)
	if x.Device != "" {
		l.printf(", %s", plain(x.Device))
	}
	l.printf("\n")
}

func (x *Explanation) verdictText(l *lines) {
	l.printf("\nVerdict: %s", x.Verdict)
	if x.Class != nil {
		l.printf(", class %s", *x.Class)
	}
	l.printf("\n")
	for _, s := range x.Steps {
		mark := "+"
		if !s.Holds {
			mark = "-"
		}
		l.printf("  %s %s\n", mark, s.Text)
	}
	if asked := x.Settings.ZoneModelAsked; x.Settings.ZoneModel != "" && asked != x.Settings.ZoneModel {
		l.printf("  - Zones by %s were asked for, but its inputs are missing: %s was taken.\n", asked, x.Settings.ZoneModel)
	}
	if r := x.Settings.HRRest; r != nil {
		l.printf("  + Resting HR is %s bpm (%s).\n", number(*r), x.Settings.HRRestSource)
	}
}

// zoneName names a cell as its model does: Friel's zone 1 lies below the first
// bound.
func zoneName(model schema.ZoneModel, i int) string {
	friel := []string{"zone 1", "zone 2", "zone 3", "zone 4", "zone 5a", "zone 5b", "zone 5c"}
	switch {
	case model == schema.ZoneFriel7 && i < len(friel):
		return friel[i]
	case i == 0:
		return "below"
	}
	return fmt.Sprint("zone ", i)
}

func fromText(bpm *float64) string {
	if bpm == nil {
		return "-"
	}
	return number(*bpm) + " bpm"
}

func (x *Explanation) zoneText(l *lines) {
	if len(x.Zones) == 0 {
		return
	}
	l.printf("\nSeconds per zone (%s)\n", zoneModelText(x.Settings.ZoneModel))
	var rows [][]string
	for _, z := range x.Zones {
		rows = append(rows, []string{zoneName(x.Settings.ZoneModel, z.Zone), fromText(z.FromBPM), clock(z.Seconds), percent(z.Share)})
	}
	l.table("lrrr", []string{"", "from", "time", "share"}, rows)
}

func zoneModelText(m schema.ZoneModel) string {
	switch m {
	case schema.ZoneHRMax5:
		return "hrmax5: 50 to 90 % of max HR"
	case schema.ZoneHRR5:
		return "hrr5: 50 to 90 % of heart rate reserve"
	case schema.ZoneFriel7:
		return "friel7: by lactate threshold heart rate"
	}
	return string(m)
}

func (x *Explanation) watchText(l *lines) {
	if x.Watch == nil {
		l.printf("\nThe file has no seconds per zone by the watch to compare with.\n")
		return
	}
	l.printf("\nBeside the watch, by the watch's own bounds")
	if x.Watch.BoundsInferred {
		l.printf(" (not in the file: its usual 50 to 100 %% of max HR were taken)")
	}
	l.printf("\n")
	var rows [][]string
	for i, c := range x.Watch.Cells {
		ours, difference := "-", "-"
		if c.OursS != nil {
			ours, difference = clock(*c.OursS), signedClock(*c.DifferenceS)
		}
		rows = append(rows, []string{zoneName("", i), fromText(c.FromBPM), clock(c.WatchS), ours, difference})
	}
	l.table("lrrrr", []string{"", "from", "watch", "ours", "difference"}, rows)
	if d := x.Watch.DifferentShare; d != nil {
		l.printf("  together %.2f %% of the watch's time is in another zone\n", 100**d)
	} else {
		l.printf("  not comparable: the watch's zones have another meaning, or no bounds\n")
	}
}

func (x *Explanation) timeText(l *lines) {
	t := &x.Time
	l.printf("\nTime: %s elapsed = %s counted + %s paused + %s gaps + %s without HR + %s rejected\n", clock(t.ElapsedS),
		clock(t.ClassifiedS), clock(t.PausedS), clock(t.GapS), clock(t.NoHRS), clock(t.RejectedHRS))
	if len(x.Excluded) == 0 {
		l.printf("Every second counts.\n")
		return
	}
	l.printf("What does not count (local time)\n")
	for i := range x.Excluded {
		e := &x.Excluded[i]
		l.printf("  %s - %s  %8s  %s\n", x.clockTime(e.From), x.clockTime(e.To), clockFine(e.Seconds), causeText(e.Cause))
	}
}

// clockTime writes the time of day, with the date when it is another one.
func (x *Explanation) clockTime(t time.Time) string {
	if t.Format(time.DateOnly) != x.StartedAt.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}

// clockFine shows fractions of a second where there are any.
func clockFine(s float64) string {
	if s < 60 && s != float64(int64(s)) {
		return fmt.Sprintf("%.1f s", s)
	}
	return clock(s)
}

func (x *Explanation) flagText(l *lines) {
	if len(x.Flags) == 0 {
		return
	}
	l.printf("\nOddities\n")
	for _, f := range x.Flags {
		l.printf("  %s: %s\n", f.Flag, f.Text)
	}
}
