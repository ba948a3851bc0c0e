package duplicates_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"plodwatch/analyze/duplicates"
	"plodwatch/schema"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
	noon   = int64(1_700_000_000_000)
)

// id returns a session's identity for tests.
func id(n byte) schema.SessionID { return schema.SessionID{n} }

// run is an hour of running with heart rate in a clean FIT file of its own.
func run(n byte, change func(*duplicates.Session)) duplicates.Session {
	s := duplicates.Session{
		ID: id(n), Export: schema.ExportID{n}, Format: schema.FormatFIT, Sport: schema.SportRunning,
		StartMs: noon, EndMs: noon + hour, ClassifiedMs: hour, HRShares: []uint16{100, 600, 300}, HRAvg: 140, HRMax: 160, DistanceM: 12_000, Samples: 3600,
		ReceivedMs: noon + day + int64(n),
	}
	if change != nil {
		change(&s)
	}
	return s
}

func shift(by int64) func(*duplicates.Session) {
	return func(s *duplicates.Session) { s.StartMs, s.EndMs = s.StartMs+by, s.EndMs+by }
}

// TestPairs: what is and what is not the same activity.
func TestPairs(t *testing.T) {
	tests := map[string]struct {
		other      func(*duplicates.Session)
		reason     duplicates.Reason
		confidence float64
	}{
		"the same times":                {nil, duplicates.ReasonStart, 1},
		"3 s later":                     {shift(3000), duplicates.ReasonStart, 1},
		"3 min later":                   {shift(3 * minute), duplicates.ReasonStart, 0.99},
		"a little more than 3 min":      {shift(3*minute + 1), duplicates.ReasonOverlap, 0.88},
		"half an hour later":            {shift(30 * minute), duplicates.ReasonOverlap, 0.7},
		"31 min later":                  {shift(31 * minute), "", 0},
		"truncated":                     {func(s *duplicates.Session) { s.EndMs = s.StartMs + 5*minute; s.Salvaged = true }, duplicates.ReasonStart, 0.82},
		"another sport":                 {func(s *duplicates.Session) { s.Sport = schema.SportCycling }, "", 0},
		"a walk":                        {func(s *duplicates.Session) { s.Sport = schema.SportWalking }, duplicates.ReasonStart, 1},
		"no sport":                      {func(s *duplicates.Session) { s.Sport = schema.SportGeneric }, duplicates.ReasonStart, 1},
		"of the same file":              {func(s *duplicates.Session) { s.Export = schema.ExportID{1} }, "", 0},
		"an hour later, the same":       {shift(hour), duplicates.ReasonShifted, 0.9},
		"13:45 h earlier, the same":     {shift(-13*hour - 45*minute), duplicates.ReasonShifted, 0.9},
		"14 h and a bit later":          {shift(14*hour + 15*minute), "", 0},
		"100 min later, the same":       {shift(100 * minute), "", 0},
		"2 h later, other heart rate":   {func(s *duplicates.Session) { shift(2 * hour)(s); s.HRAvg = 142 }, "", 0},
		"2 h later, spread otherwise":   {func(s *duplicates.Session) { shift(2 * hour)(s); s.HRShares = []uint16{250, 450, 300} }, "", 0},
		"2 h later, spread alike":       {func(s *duplicates.Session) { shift(2 * hour)(s); s.HRShares = []uint16{200, 500, 300} }, duplicates.ReasonShifted, 0.9},
		"2 h later, other distance":     {func(s *duplicates.Session) { shift(2 * hour)(s); s.DistanceM = 12_200 }, "", 0},
		"2 h later, only distance":      {func(s *duplicates.Session) { shift(2 * hour)(s); s.HRAvg, s.HRMax = 0, 0 }, duplicates.ReasonShifted, 0.7},
		"2 h later, nothing known":      {func(s *duplicates.Session) { shift(2 * hour)(s); s.HRAvg, s.DistanceM = 0, 0 }, "", 0},
		"2 h later, two minutes longer": {func(s *duplicates.Session) { shift(2 * hour)(s); s.EndMs += 2 * minute }, "", 0},
		"the next day":                  {shift(day), "", 0},
		"restarted after two minutes": {func(s *duplicates.Session) {
			s.StartMs = noon + hour + minute
			s.EndMs = s.StartMs + 2*minute
		}, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				all := []duplicates.Session{run(1, nil), run(2, tt.other)}
				all[0].ReceivedMs = 0 // the better one, all else equal
				if !first {
					slices.Reverse(all)
				}
				marks := duplicates.Decide(all)
				if !first {
					slices.Reverse(marks)
				}
				want := duplicates.Mark{ID: id(2), Reason: tt.reason, Confidence: tt.confidence}
				if tt.reason != "" {
					want.Of = id(1)
				}
				if marks[0] != (duplicates.Mark{ID: id(1)}) || marks[1] != want {
					t.Errorf("marks are %+v, want the second to be %+v", marks, want)
				}
			}
		})
	}
}

// TestBestOfSix: six copies of one run leave one, and without it the next
// best.
func TestBestOfSix(t *testing.T) {
	all := []duplicates.Session{
		run(1, func(s *duplicates.Session) { s.Salvaged = true; s.EndMs = s.StartMs + 20*minute }), // truncated FIT
		run(2, func(s *duplicates.Session) { s.Format = schema.FormatGPX; shift(hour)(s) }),        // wrong zone
		run(3, func(s *duplicates.Session) { s.Format = schema.FormatGPX; shift(3000)(s) }),        // Strava's copy
		run(4, func(s *duplicates.Session) { s.Format = schema.FormatGPX }),
		run(5, func(s *duplicates.Session) { s.Format = schema.FormatTCX }),
		run(6, nil),
	}
	for best := byte(6); best > 2; best-- {
		marks := duplicates.Decide(all[:best])
		counts := 0
		for _, m := range marks {
			if m.Reason == "" {
				counts++
			}
		}
		want := id(max(best, 4))
		if best <= 4 { // of the GPX files the one that came first
			want = id(2)
		}
		if counts != 1 {
			t.Fatalf("of %d copies %d count: %+v", best, counts, marks)
		}
		for _, m := range marks {
			if m.Reason != "" && m.Of != want {
				t.Errorf("of %d copies %v is one of %v, want of %v", best, m.ID[0], m.Of[0], want[0])
			}
		}
	}
}

// TestOnlyCopiesOfWhatCounts: a long recording over two runs does not make
// them copies of each other.
func TestOnlyCopiesOfWhatCounts(t *testing.T) {
	all := []duplicates.Session{
		run(1, nil),
		run(2, func(s *duplicates.Session) { shift(90 * minute)(s); s.DistanceM = 9000 }),
		run(3, func(s *duplicates.Session) {
			s.Format, s.Sport, s.EndMs, s.DistanceM = schema.FormatGPX, schema.SportGeneric, s.StartMs+150*minute, 21_000
		}),
	}
	marks := duplicates.Decide(all)
	if marks[0].Reason != "" || marks[1].Reason != "" || marks[2].Reason != duplicates.ReasonStart || marks[2].Of != id(1) {
		t.Errorf("marks are %+v", marks)
	}
}

// TestChoices: what a person says comes before the rules, and can be taken
// back.
func TestChoices(t *testing.T) {
	choose := func(c duplicates.Choice, of schema.SessionID) func(*duplicates.Session) {
		return func(s *duplicates.Session) { s.Choice, s.Of = c, of }
	}
	keepBoth := duplicates.Decide([]duplicates.Session{run(1, nil), run(2, choose(duplicates.ChoiceKeep, schema.SessionID{}))})
	if keepBoth[1].Reason != "" || keepBoth[0].Of != id(2) {
		t.Errorf("kept: %+v, want it to count and the other to be its copy", keepBoth)
	}
	both := duplicates.Decide([]duplicates.Session{
		run(1, choose(duplicates.ChoiceKeep, schema.SessionID{})), run(2, choose(duplicates.ChoiceKeep, schema.SessionID{})),
	})
	if both[0].Reason != "" || both[1].Reason != "" {
		t.Errorf("both kept: %+v", both)
	}
	dropped := duplicates.Decide([]duplicates.Session{run(1, choose(duplicates.ChoiceDrop, schema.SessionID{})), run(2, nil)})
	if dropped[0] != (duplicates.Mark{ID: id(1), Of: id(2), Reason: duplicates.ReasonPerson, Confidence: 1}) || dropped[1].Reason != "" {
		t.Errorf("dropped: %+v", dropped)
	}
	alone := duplicates.Decide([]duplicates.Session{run(1, choose(duplicates.ChoiceDrop, schema.SessionID{})), run(2, shift(3*day))})
	if alone[0].Reason != duplicates.ReasonPerson || alone[0].Of != (schema.SessionID{}) || alone[1].Reason != "" {
		t.Errorf("dropped alone: %+v", alone)
	}
	of := duplicates.Decide([]duplicates.Session{run(1, choose(duplicates.ChoiceDrop, id(3))), run(2, nil), run(3, shift(5*day))})
	if of[0].Of != id(3) {
		t.Errorf("dropped as a copy of a named one: %+v", of)
	}
}

// TestOrderDoesNotMatter: whatever the order, every session has the same mark,
// no mark points to a session that does not count, and the answer is that of
// looking at all pairs.
func TestOrderDoesNotMatter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var all []duplicates.Session
		for n := range byte(30) {
			all = append(all, run(n+1, func(s *duplicates.Session) {
				shift(rnd.Int64N(4) * day)(s)
				shift(rnd.Int64N(9) * 15 * minute)(s)
				s.EndMs = s.StartMs + (20+rnd.Int64N(4)*20)*minute
				s.Export = schema.ExportID{byte(rnd.IntN(20))}
				s.Salvaged = rnd.IntN(4) == 0
				s.Format = []schema.Format{schema.FormatFIT, schema.FormatGPX, schema.FormatTCX}[rnd.IntN(3)]
				s.HRAvg = float64(130 + rnd.IntN(3))
			}))
		}
		want := make(map[schema.SessionID]duplicates.Mark)
		for _, m := range duplicates.Decide(all) {
			want[m.ID] = m
		}
		rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		for _, m := range duplicates.Decide(all) {
			if m != want[m.ID] {
				t.Fatalf("in another order %v is %+v, before %+v", m.ID[0], m, want[m.ID])
			}
			if m.Reason != "" && want[m.Of].Reason != "" {
				t.Fatalf("%v is a copy of %v, which does not count itself", m.ID[0], m.Of[0])
			}
		}
	}
}
