package fitfile

import (
	"testing"

	"plodwatch/schema"
)

func TestASummaryThatCannotBeReadLeavesTheRecords(t *testing.T) {
	for name, stream := range map[string][]byte{
		"empty": {}, "short": make([]byte, 20), "a header only": new(canonical).finishEmpty(),
	} {
		if _, _, err := decodeSummary(stream); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w := &walk{data: []byte{0}}
	w.canon.buf = make([]byte, canonicalHeader)
	if sum := w.readSummary(); sum.sessions != nil || !w.has(schema.FlagSummaryMissing) || w.damage == nil {
		t.Errorf("%+v, flags %v", sum, w.flags)
	}
	if outcome, reason := w.outcome(); outcome != schema.OutcomeSalvaged || reason != schema.ReasonCorrupt {
		t.Errorf("%s %s", outcome, reason)
	}
}

func (c *canonical) finishEmpty() []byte {
	c.buf = make([]byte, canonicalHeader)
	return c.finish()
}
