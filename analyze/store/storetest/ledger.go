package storetest

import (
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// testLedger: a zip in a zip with a session whose row is missing, another whose
// samples are, and one in order.
func testLedger(t *testing.T, s *store.Store) {
	whole, half, bare := envelope("me", 0, 9), envelope("me", 1, 7), envelope("other", 2, 3)
	half.Export, bare.Export = schema.ExportID{0x12}, schema.ExportID{0x21}
	whole.Export = schema.ExportID{0x31}
	halved, bared := row(half, 1000), row(bare, 1000)
	bared.SamplesStored = true // which they are not
	stale := row(half, 1000)
	stale.Decode++
	write(t, s, stale, row(whole, 1000), row(whole, 2000), bared)
	halved.SamplesStored = true
	halved.AnalyzedMs, halved.Version = 3000, analyze.VersionOf(3, 3000)
	write(t, s, halved)

	job := func(athlete schema.AthleteID, id byte, parent byte, depth int, received int64) schema.Job {
		j := schema.Job{Athlete: athlete, Export: schema.ExportID{id}, Source: schema.SourceUpload, Bytes: int64(id), ReceivedMs: received, Depth: depth}
		if parent != 0 {
			j.Source, j.Parent = schema.SourceArchive, schema.ExportID{parent}
		}
		return j
	}
	rows := []store.LedgerRow{
		{Job: job("me", 0x11, 0, 0, 1000), Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Members: []schema.ExportID{{0x12}, {0x22}}},
		{Job: job("me", 0x12, 0x11, 1, 2000), Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded, DecoderVersion: 3},
		{Job: job("me", 0x21, 0x22, 2, 3000), Format: schema.FormatGPX, Outcome: schema.OutcomeSalvaged, DecoderVersion: 2, Missing: []schema.SessionID{{7}, bare.ID}},
		{Job: job("other", 0x21, 0, 0, 4000), Format: schema.FormatGPX, Outcome: schema.OutcomeDecoded, DecoderVersion: 2},
		{Job: job("me", 0x22, 0x11, 1, 5000), Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Members: []schema.ExportID{{0x21}}},
	}
	sessions := map[int][]schema.SessionID{1: {half.ID, whole.ID}, 2: {{7}, whole.ID, bare.ID}, 3: {bare.ID}}
	var batch analyze.Batch
	for i, r := range rows {
		batch.Exports = append(batch.Exports, analyze.ExportRow{AnalyzedMs: 1, Version: 5, Outcome: &schema.ExportOutcome{
			Job: r.Job, Format: r.Format, Outcome: r.Outcome, DecoderVersion: r.DecoderVersion, Members: r.Members, Sessions: sessions[i],
		}})
	}
	if err := s.Write(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		filter store.LedgerFilter
		want   []store.LedgerRow
	}{
		"all":       {store.LedgerFilter{}, rows},
		"prefix":    {store.LedgerFilter{Prefix: "2"}, rows[2:]},
		"exports":   {store.LedgerFilter{Athlete: "me", Exports: []schema.ExportID{{0x21}, {9}}}, rows[2:3]},
		"since":     {store.LedgerFilter{SinceMs: 4000}, rows[3:]},
		"format":    {store.LedgerFilter{Format: schema.FormatFIT}, rows[1:2]},
		"decoder":   {store.LedgerFilter{DecoderBefore: 3, Format: schema.FormatGPX}, rows[2:4]},
		"another's": {store.LedgerFilter{Athlete: "nobody"}, nil},
	} {
		var got []store.LedgerRow
		err := s.Ledger(t.Context(), tt.filter, func(r *store.LedgerRow) error { got = append(got, *r); return nil })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		equal(t, name, got, tt.want)
	}
	for _, exact := range []bool{false, true} {
		got := map[schema.SessionID]store.ShortSession{}
		err := s.Short(t.Context(), exact, func(short *store.ShortSession) error { got[short.ID] = *short; return nil })
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "sessions without their samples", got, map[schema.SessionID]store.ShortSession{
			half.ID: {Athlete: "me", Export: half.Export, ReceivedMs: half.ReceivedMs, ID: half.ID, Want: 7},
			bare.ID: {Athlete: "other", Export: bare.Export, ReceivedMs: bare.ReceivedMs, ID: bare.ID, Want: 3},
		})
	}
}
