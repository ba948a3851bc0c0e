package diary

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// CapRule says how a phase wants the heart rate kept under the cap.
type CapRule string

// The rules.
const (
	CapNone    CapRule = "none"    // not looked at
	CapSession CapRule = "session" // in every session
	CapWeek    CapRule = "week"    // for a share of the week's time, Phase.UnderCapShare
)

// Phase is one phase of a protocol for a return to running. Nil means that the
// protocol does not say.
type Phase struct {
	Protocol      string
	Phase         int // from 1
	Name          string
	Weeks         *int     // how long it lasts
	DaysPerWeek   int      // most days with training
	Sports        []string // those allowed; empty = all
	VolumeFromPct *float64 // build to so many percent of the baseline ...
	VolumeToPct   *float64 // ... and no more than these
	CapRule       CapRule
	UnderCapShare *float64 // 0 to 1, for CapWeek
	RPEFrom       *float64
	RPEBelow      *float64 // of all but hard time; exclusive
	HardRPEFrom   *float64
	HardRPEBelow  *float64 // of hard time; exclusive
	HardShareFrom *float64 // hard time of a week, 0 to 1
	HardShareTo   *float64
	HardSessions  int // a week
	// HardSessionsLater holds from week HardLaterFrom (from 1) on; without that
	// week HardSessions holds throughout.
	HardSessionsLater int
	HardLaterFrom     *int
	Text              string // the phase in words
}

// ReadProtocol reads a protocol from a table as ReadLog does, one phase a line.
// Columns: protocol, phase, name, days_per_week, and any of weeks, sports (with
// spaces between), volume_from_pct, volume_to_pct, cap_rule (none, session,
// week), under_cap_share, rpe_from, rpe_below, hard_rpe_from, hard_rpe_below,
// hard_share_from, hard_share_to, hard_sessions, hard_sessions_later,
// hard_later_from, text.
func ReadProtocol(r io.Reader) (*Table[Phase], error) {
	columns := make(map[string]string)
	for _, name := range []string{
		"protocol", "phase", "name", "weeks", "days_per_week", "sports", "volume_from_pct", "volume_to_pct", "cap_rule", "under_cap_share",
		"rpe_from", "rpe_below", "hard_rpe_from", "hard_rpe_below", "hard_share_from", "hard_share_to",
		"hard_sessions", "hard_sessions_later", "hard_later_from", "text",
	} {
		columns[name] = name
	}
	return readTable(r, columns, []string{"protocol", "phase", "name", "days_per_week"}, func(c cells) (Phase, error) {
		p := Phase{
			Protocol: c.text("protocol"), Name: c.text("name"), Sports: strings.Fields(c.text("sports")),
			CapRule: CapRule(c.text("cap_rule")), Text: c.text("text"),
		}
		if p.CapRule == "" {
			p.CapRule = CapNone
		}
		err := errors.Join(
			c.whole("phase", &p.Phase), c.whole("days_per_week", &p.DaysPerWeek), c.optional("weeks", &p.Weeks),
			c.number("volume_from_pct", &p.VolumeFromPct), c.number("volume_to_pct", &p.VolumeToPct),
			c.number("under_cap_share", &p.UnderCapShare), c.number("rpe_from", &p.RPEFrom), c.number("rpe_below", &p.RPEBelow),
			c.number("hard_rpe_from", &p.HardRPEFrom), c.number("hard_rpe_below", &p.HardRPEBelow),
			c.number("hard_share_from", &p.HardShareFrom), c.number("hard_share_to", &p.HardShareTo),
			c.whole("hard_sessions", &p.HardSessions), c.whole("hard_sessions_later", &p.HardSessionsLater),
			c.optional("hard_later_from", &p.HardLaterFrom),
		)
		if err != nil {
			return p, oneLine(err)
		}
		return p, p.Validate()
	})
}

// Validate returns all faults at once, each of which wraps ErrBadEntry, or nil.
func (p *Phase) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !isName(p.Protocol) {
		bad("protocol %q: need 1 to 64 letters, digits, '_' and '-'", clip(p.Protocol))
	}
	if p.Phase < 1 || p.Phase > 99 {
		bad("phase %d: need 1 to 99", p.Phase)
	}
	if p.Name == "" {
		bad("name: need one")
	}
	if p.DaysPerWeek < 0 || p.DaysPerWeek > 7 {
		bad("days_per_week %d: need 0 to 7", p.DaysPerWeek)
	}
	switch p.CapRule {
	case CapNone, CapSession:
	case CapWeek:
		if p.UnderCapShare == nil {
			bad("under_cap_share: need one for the cap rule week")
		}
	default:
		bad("cap_rule %q: need none, session or week", clip(string(p.CapRule)))
	}
	for _, r := range []struct {
		name     string
		from, to *float64
		most     float64
	}{
		{"under_cap_share", p.UnderCapShare, nil, 1},
		{"hard_share", p.HardShareFrom, p.HardShareTo, 1},
		{"volume_pct", p.VolumeFromPct, p.VolumeToPct, 500},
		{"rpe", p.RPEFrom, p.RPEBelow, 11},
		{"hard_rpe", p.HardRPEFrom, p.HardRPEBelow, 11},
	} {
		for _, v := range []*float64{r.from, r.to} {
			if v != nil && !(*v >= 0 && *v <= r.most) {
				bad("%s %g: need 0 to %g", r.name, *v, r.most)
			}
		}
		if r.from != nil && r.to != nil && *r.from > *r.to {
			bad("%s: %g is more than %g", r.name, *r.from, *r.to)
		}
	}
	if p.HardSessions < 0 || p.HardSessionsLater < 0 || p.HardSessions > 14 || p.HardSessionsLater > 14 {
		bad("hard_sessions: need 0 to 14")
	}
	for _, sport := range p.Sports {
		if _, err := schema.ParseAthleteID(sport); err != nil {
			bad("sports %q: need names such as walking", clip(sport))
		}
	}
	return wrap(faults)
}

// whole reads a cell with a whole number, 0 when it is empty.
func (c cells) whole(name string, to *int) error {
	text := c.text(name)
	if text == "" {
		return nil
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s %q: need a whole number", name, clip(text))
	}
	*to = v
	return nil
}

// optional reads a cell with a whole number from 1, nil when it is empty.
func (c cells) optional(name string, to **int) error {
	var v int
	if err := c.whole(name, &v); err != nil || c.text(name) == "" {
		return err
	}
	if v < 1 || v > 520 {
		return fmt.Errorf("%s %d: need 1 to 520", name, v)
	}
	*to = &v
	return nil
}
