package analyze

import (
	"context"
	"errors"
	"fmt"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// History reads all that is known of stored sessions.
type History interface {
	Reader
	Archive
	// Judgements returns what is stored of the intensity of those of the
	// sessions that have been analysed.
	Judgements(ctx context.Context, keys []SessionKey) (map[SessionKey]Judgement, error)
}

// ErrNoSession is wrapped by Explain when the session is not stored.
var ErrNoSession = errors.New("no such session")

// Explained is a session worked out again from its stored samples under the
// settings of now, beside what is stored of it.
type Explained struct {
	SessionRow

	StoredBudget intensity.Budget
	StoredRules  uint32     // version of the arithmetic behind StoredBudget
	Stored       *Judgement // nil when the session's intensity is not stored
}

// Explain works a stored session out again, and writes nothing. It fails with
// an error that wraps ErrNoSession when the session is not there.
func Explain(ctx context.Context, h History, places Places, key SessionKey) (*Explained, error) {
	bg, err := backgroundOf(ctx, h, []schema.AthleteID{key.Athlete})
	if err != nil {
		return nil, err
	}
	var x *Explained
	err = h.Load(ctx, []SessionKey{key}, func(s *Stored) error {
		row, err := bg.again(s, places)
		x = &Explained{SessionRow: row, StoredBudget: s.Budget, StoredRules: s.RulesVersion}
		return err
	})
	if err == nil && x == nil {
		err = fmt.Errorf("session %s of %s: %w", key.ID, key.Athlete, ErrNoSession)
	}
	if err != nil {
		return nil, err
	}
	judged, err := h.Judgements(ctx, []SessionKey{key})
	if err != nil {
		return nil, err
	}
	if j, ok := judged[key]; ok {
		x.Stored = &j
	}
	return x, nil
}

// again measures and derives a stored session under what is known now.
func (b *background) again(s *Stored, places Places) (SessionRow, error) {
	err := Locate(places, &s.Env.Session)
	m := intensity.Measure(&s.Env.Session)
	row := b.derive(s.Env, m, Fingerprint(&s.Env.Session.Samples, m.HRFlags))
	row.SamplesStored = row.Decode == s.Decode
	return row, err
}

// Differences says in what the stored rows are not what comes out now; nothing
// when they agree. They differ until the session is derived again after its
// settings, the arithmetic or what was observed of its athlete have changed.
func (x *Explained) Differences() []string {
	var all []string
	if x.StoredBudget != x.Measured.Budget {
		all = append(all, "time budget")
	}
	if !x.SamplesStored {
		all = append(all, "samples or their quality marks")
	}
	now := judgementOf(&x.SessionRow)
	switch {
	case x.Stored == nil:
		return append(all, "intensity (none is stored)")
	case x.Stored.RulesVersion != now.RulesVersion:
		all = append(all, "rules version")
	case x.Stored.SettingsID != now.SettingsID:
		all = append(all, "settings")
	}
	if !x.Stored.Same(&now) {
		all = append(all, "intensity")
	}
	return all
}

// judgementOf is what the store would keep of a row.
func judgementOf(r *SessionRow) Judgement {
	res := &r.Result
	j := Judgement{
		SettingsID: r.SettingsID, HRMaxSource: res.HRMaxSource,
		LowMs: res.LowMs, ModerateMs: res.ModerateMs, HighMs: res.HighMs, LowShare: res.LowShare,
		Meets8020: res.Meets8020, Class: res.Class, Label: res.Label, CapOK: res.CapOK, Verdict: res.Verdict,
		RulesVersion: res.RulesVersion,
		Pace:         ByPace{Threshold: res.ThresholdPace, LowMs: res.PaceLowMs, ModerateMs: res.PaceModerateMs, HighMs: res.PaceHighMs},
	}
	if res.HRMax > 0 {
		j.HRMax = &res.HRMax
	}
	if r.Inputs.Settings.Version != 0 {
		from := r.Inputs.Settings.ValidFrom
		j.SettingsFrom = &from
	}
	return j
}

// Same reports whether two judgements say the same of a session: verdict,
// class, label, the times at low, moderate and high intensity and by pace, and
// the cap.
func (j *Judgement) Same(other *Judgement) bool {
	return j.Verdict == other.Verdict && j.Class == other.Class && j.Label == other.Label &&
		j.LowMs == other.LowMs && j.ModerateMs == other.ModerateMs && j.HighMs == other.HighMs &&
		j.Pace.same(&other.Pace) && same(j.LowShare, other.LowShare) && same(j.Meets8020, other.Meets8020) && same(j.CapOK, other.CapOK)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
