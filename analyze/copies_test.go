package analyze_test

import (
	"fmt"
	"strconv"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/schema"
)

// copyOf is the same run as env from another file.
func copyOf(env *schema.Envelope, n int, change func(*schema.Envelope)) *schema.Envelope {
	c := *env
	c.Export = schema.ExportIDOf(fmt.Appendf(nil, "copy %d of %s", n, env.ID))
	c.ID = schema.SessionIDOf(c.Athlete, c.Export, 0)
	c.ReceivedMs += int64(n)
	change(&c)
	return &c
}

// TestCopiesByTwoAnalyzers: two analyzers take copies of the same runs at the
// same time; when both have come to rest one of each counts, the best, and
// what was computed over days agrees.
func TestCopiesByTwoAnalyzers(t *testing.T) {
	st := openStore(t)
	a, b := newBench(t, quick(), st, nil).start(), newBench(t, quick(), st, nil).start()
	const runs = 6
	for day := range runs {
		env := run("me", day, 170)
		a.take(copyOf(env, 1, func(c *schema.Envelope) { c.Format = schema.FormatGPX }))
		b.take(copyOf(env, 2, func(c *schema.Envelope) { c.Salvaged = true }), env)
		a.take(copyOf(env, 3, func(c *schema.Envelope) { c.Format = schema.FormatTCX }))
	}
	a.stored()
	b.stored()
	a.stop()
	b.stop()
	want(t, st, "SELECT (count(), countIf(format = 'fit' AND NOT salvaged)) FROM sessions", fmt.Sprintf("(%d,%d)", runs, runs))
	want(t, st, "SELECT count() FROM sessions_and_copies", strconv.Itoa(4*runs))
	want(t, st, "SELECT (count(), countIf(reason = 'same_start'), min(confidence)) FROM duplicates", fmt.Sprintf("(%d,%d,1)", 3*runs, 3*runs))
	want(t, st, "SELECT count() FROM duplicates WHERE duplicate_of NOT IN (SELECT session_id FROM sessions)", "0")
	want(t, st, "SELECT sum(sessions) FROM athlete_days", strconv.Itoa(runs))
}

// TestChoiceOnCopies: a person's word counts at once, also for what is
// computed over days, and can be taken back.
func TestChoiceOnCopies(t *testing.T) {
	st := openStore(t)
	a := newBench(t, quick(), st, nil).start()
	env := run("me", 0, 170)
	other := copyOf(env, 1, func(c *schema.Envelope) { c.Format = schema.FormatGPX })
	a.take(env, other)
	a.stored()
	a.stop()
	key := analyze.SessionKey{Athlete: "me", ID: other.ID}
	for _, step := range []struct {
		choice   duplicates.Choice
		of       schema.SessionID
		changed  int
		sessions string // formats of those that count
	}{
		{duplicates.ChoiceKeep, schema.SessionID{}, 2, "gpx"},
		{duplicates.ChoiceNone, schema.SessionID{}, 2, "fit"},
		{duplicates.ChoiceDrop, schema.SessionID{}, 1, "fit"},
	} {
		n, err := a.Choose(t.Context(), analyze.DuplicateChoice{SessionKey: key, Choice: step.choice, Of: step.of})
		if err != nil || n != step.changed {
			t.Errorf("choice %q changed %d verdicts, %v; want %d", step.choice, n, err, step.changed)
		}
		want(t, st, "SELECT arrayStringConcat(groupArray(format), ' ') FROM sessions", step.sessions)
		want(t, st, "SELECT sum(sessions) FROM athlete_days", "1")
	}
	want(t, st, "SELECT reason FROM duplicates", "person")
	if _, err := a.Choose(t.Context(), analyze.DuplicateChoice{SessionKey: key, Choice: "perhaps"}); err == nil {
		t.Error("a choice that is none was taken")
	}
}
