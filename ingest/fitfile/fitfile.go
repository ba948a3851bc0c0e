package fitfile

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"plodwatch/schema"
)

// DecoderVersion grows whenever the same bytes may decode to something else.
const DecoderVersion = 1

// Decoder reads FIT files. The zero value is ready for use, by several
// goroutines at once.
type Decoder struct{}

// Decode reads r to its end, at most MaxFileBytes, and decodes it as the
// function Decode does. size is the number of bytes in r, -1 when unknown.
// Errors of r and of ctx come back wrapped.
func (Decoder) Decode(ctx context.Context, r io.Reader, size int64) (*schema.Recording, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("decode fit file: %w", err)
	}
	if size > MaxFileBytes {
		return nil, tooLarge()
	}
	var buf bytes.Buffer
	if size > 0 {
		buf.Grow(int(size) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(r, MaxFileBytes+1)); err != nil {
		return nil, fmt.Errorf("read fit file: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("decode fit file: %w", err)
	}
	return Decode(buf.Bytes())
}

func tooLarge() *schema.Refusal {
	return schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("more than %d MiB", MaxFileBytes>>20))
}

// Decode decodes a FIT file. The result keeps nothing of data.
//
// The error is a *schema.Refusal, and the Recording is non-nil beside it when
// the file could be walked over: its Raw counts stand. Skipped are files that
// are no activity or in which nothing was recorded; rejected are files that
// are not FIT, too large, or whose times cannot be made absolute. Damage
// (truncation, a wrong checksum, an unreadable part) is no error: what could
// be read is there, and Outcome says salvaged.
func Decode(data []byte) (*schema.Recording, error) {
	switch {
	case len(data) == 0:
		return nil, schema.Reject(schema.ReasonEmpty, "")
	case len(data) > MaxFileBytes:
		return nil, tooLarge()
	}
	w := &walk{data: data}
	if err := w.run(); err != nil {
		return nil, &schema.Refusal{
			Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Detail: err.Error(), Err: err,
		}
	}
	w.mergeBeats()
	rec := &schema.Recording{Format: schema.FormatFIT, DecoderVersion: DecoderVersion, Raw: w.raw}
	refusal := w.refuse()
	if refusal == nil {
		refusal = w.build(rec)
	}
	rec.DroppedValues = w.dropped
	if w.dropped > 0 {
		w.flag(schema.FlagDroppedValues)
	}
	rec.Flags = w.flags
	if refusal != nil {
		rec.Sessions = nil
		rec.Outcome, rec.Reason = refusal.Outcome, refusal.Reason
		return rec, refusal
	}
	rec.Outcome, rec.Reason = w.outcome()
	if w.damage != nil {
		rec.Detail = w.damage.Error()
	}
	return rec, nil
}

// refuse says why a file that could be walked over has nothing to decode.
func (w *walk) refuse() *schema.Refusal {
	for i := range w.sections {
		if s := &w.sections[i]; s.fileType == fileTypeActivity || !s.hasFileID && s.rows[1] > s.rows[0] {
			return nil
		}
	}
	for i := range w.sections {
		if s := &w.sections[i]; s.hasFileID {
			return schema.Skip(schema.ReasonNotActivity, fmt.Sprintf("fit file type %d", s.fileType))
		}
	}
	return w.nothing()
}

// nothing is the refusal of a file without sessions and samples.
func (w *walk) nothing() *schema.Refusal {
	switch {
	case w.damage != nil:
		return &schema.Refusal{
			Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed,
			Detail: w.damage.Error(), Err: w.damage,
		}
	case w.has(schema.FlagBudget):
		return schema.Reject(schema.ReasonOverBudget, "too many messages, and no activity among them")
	case w.untimed > 0:
		return schema.Skip(schema.ReasonNoSamples, fmt.Sprintf("%d records, all without times", w.untimed))
	}
	return schema.Skip(schema.ReasonNoSamples, "no records and no sessions")
}

// outcome says how a file that was decoded went.
func (w *walk) outcome() (schema.Outcome, schema.Reason) {
	for _, c := range []struct {
		flag   schema.Flag
		reason schema.Reason
	}{
		{schema.FlagTruncated, schema.ReasonTruncated},
		{schema.FlagCorrupt, schema.ReasonCorrupt},
		{schema.FlagCRCBad, schema.ReasonCRC},
		{schema.FlagSummaryMissing, schema.ReasonCorrupt},
		{schema.FlagBudget, schema.ReasonOverBudget},
	} {
		if w.has(c.flag) {
			return schema.OutcomeSalvaged, c.reason
		}
	}
	if w.has(schema.FlagSynthesisedSession) {
		return schema.OutcomeDecoded, schema.ReasonNoSession
	}
	return schema.OutcomeDecoded, schema.ReasonNone
}

func (w *walk) has(f schema.Flag) bool {
	for _, have := range w.flags {
		if have == f {
			return true
		}
	}
	return false
}

// mergeBeats brings the heart rates of hr messages, or as a last resort those
// of a developer field, into the records.
func (w *walk) mergeBeats() {
	c := &w.cols
	w.raw.HRMsgSamples = w.beats.count
	w.raw.HRAfterMerge = w.raw.HRRecords
	if w.beats.over {
		w.flag(schema.FlagBudget)
	}
	w.dropped += w.beats.dropped
	if len(w.beats.list) > 0 && c.n > 0 {
		before := w.raw.HRRecords
		c.open(chHeartRate)
		filled := w.beats.merge(&c.Samples)
		if filled.any {
			w.flag(schema.FlagHRFromMessages)
			w.raw.HRAfterMerge = min(before+filled.fresh, w.raw.Records)
		}
		return
	}
	if w.raw.HRRecords > 0 || c.devHR == nil {
		return
	}
	c.HeartRate = c.devHR
	w.flag(schema.FlagHRFromDeveloper)
}
