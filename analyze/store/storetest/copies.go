package storetest

import (
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// testCopies: a session that is marked as a copy is left out of the views that
// count and is in the view duplicates; a mark can be taken back; an analysis
// keeps it; what a person said is stored beside.
func testCopies(t *testing.T, s *store.Store) {
	ctx := t.Context()
	good, other := row(envelope("me", 0, 400), 1000), row(envelope("me", 1, 400), 1000)
	write(t, s, good, other, row(envelope("other", 0, 3), 1000))
	copies := func() map[schema.SessionID]analyze.Copy {
		t.Helper()
		got, err := s.Copies(ctx, []schema.AthleteID{"me", "nobody"})
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[schema.SessionID]analyze.Copy)
		for _, c := range got["me"] {
			all[c.ID] = c
		}
		return all
	}
	env := good.Env
	first := copies()[env.ID]
	shares := 0
	for _, permille := range first.HRShares {
		shares += int(permille)
	}
	if len(first.HRShares) != 26 || shares < 990 || shares > 1010 {
		t.Errorf("heart rate is spread over %v, want 26 bands with 1000 permille", first.HRShares)
	}
	first.HRShares = nil
	equal(t, "a session", first.Session, duplicates.Session{
		ID: env.ID, Export: env.Export, Format: env.Format, Sport: env.Session.Sport, StartMs: env.Session.StartMs, EndMs: env.Session.EndMs,
		Salvaged: env.Salvaged, ClassifiedMs: good.Measured.Budget.ClassifiedMs, HRAvg: good.Measured.HRAvg, HRMax: float64(good.Measured.HRMax),
		DistanceM: good.Measured.DistanceM, Samples: 400, ReceivedMs: env.ReceivedMs,
	})
	mark := duplicates.Mark{ID: other.Env.ID, Of: env.ID, Reason: duplicates.ReasonShifted, Confidence: 0.87}
	if err := s.MarkCopies(ctx, "me", []duplicates.Mark{mark, {ID: env.ID}, {ID: schema.SessionID{9}, Of: env.ID, Reason: duplicates.ReasonStart}}); err != nil {
		t.Fatal(err)
	}
	wantCopies := func(n string) {
		t.Helper()
		for _, view := range []string{"sessions", "intensity"} {
			want(t, s, "SELECT count() FROM "+view+" WHERE athlete_id = 'me'", n)
			want(t, s, "SELECT count() FROM "+view+"_and_copies WHERE athlete_id = 'me'", "2")
		}
		want(t, s, "SELECT uniqExact(session_id) FROM samples WHERE athlete_id = 'me'", n)
	}
	wantCopies("1")
	equal(t, "the mark", copies()[mark.ID].Now, mark)
	equal(t, "the other's mark", copies()[env.ID].Now, duplicates.Mark{ID: env.ID})
	want(t, s, "SELECT (toString(session_id), toString(duplicate_of), reason, round(confidence, 2), samples) FROM duplicates",
		"('"+mark.ID.String()+"','"+env.ID.String()+"','shifted_clock',0.87,400)")

	again := load(t, s, keyOf(other.Env))
	equal(t, "the mark of a loaded session", again.Mark, mark)
	later := row(other.Env, 5000)
	later.Mark = again.Mark
	write(t, s, later)
	wantCopies("1")

	key := analyze.SessionKey{Athlete: "me", ID: mark.ID}
	for _, c := range []analyze.DuplicateChoice{
		{SessionKey: key, Choice: duplicates.ChoiceDrop, Of: env.ID}, {SessionKey: key, Choice: duplicates.ChoiceKeep},
	} {
		if err := s.WriteChoice(ctx, c); err != nil {
			t.Fatal(err)
		}
		if got := copies()[mark.ID]; got.Choice != c.Choice || got.Of != c.Of {
			t.Errorf("choice %q of %v is stored as %q of %v", c.Choice, c.Of, got.Choice, got.Of)
		}
	}
	if err := s.MarkCopies(ctx, "me", []duplicates.Mark{{ID: mark.ID}}); err != nil {
		t.Fatal(err)
	}
	wantCopies("2")
	want(t, s, "SELECT count() FROM duplicates", "0")
	if err := s.MarkCopies(ctx, "me", []duplicates.Mark{{ID: mark.ID, Reason: duplicates.ReasonPerson, Confidence: 1}}); err != nil {
		t.Fatal(err)
	}
	wantCopies("1")
	want(t, s, "SELECT (isNull(duplicate_of), reason) FROM duplicates", "(1,'person')")
	equal(t, "a mark without another session", copies()[mark.ID].Now, duplicates.Mark{ID: mark.ID, Reason: duplicates.ReasonPerson, Confidence: 1})
}
