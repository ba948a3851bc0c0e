package storetest

import (
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// testFates: two exports of the same session, the later one packed, one whose
// session is not stored yet, an archive, and another athlete's.
func testFates(t *testing.T, s *store.Store) {
	env := envelope("me", 0, 5)
	first, packed := schema.ExportIDOf([]byte("a run")), schema.ExportIDOf([]byte("a run, packed"))
	waiting, zip := schema.ExportIDOf([]byte("waiting")), schema.ExportIDOf([]byte("zip"))
	exportRow := func(athlete schema.AthleteID, id schema.ExportID, ms int64, change func(*schema.ExportOutcome)) analyze.ExportRow {
		o := &schema.ExportOutcome{
			Job:    schema.Job{Athlete: athlete, Export: id, Source: schema.SourceUpload, Bytes: 5, ReceivedMs: ms},
			Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded, Sessions: []schema.SessionID{env.ID}, DecoderVersion: 1,
		}
		change(o)
		return analyze.ExportRow{Outcome: o, AnalyzedMs: ms, Version: 5}
	}
	same := func(*schema.ExportOutcome) {}
	err := s.Write(t.Context(), &analyze.Batch{
		Sessions: []analyze.SessionRow{row(env, 1000)},
		Exports: []analyze.ExportRow{
			exportRow("me", packed, 2000, same), exportRow("me", first, 1000, same), exportRow("other", first, 10, same),
			exportRow("me", waiting, 3000, func(o *schema.ExportOutcome) { o.Sessions = []schema.SessionID{{1}} }),
			exportRow("me", zip, 4000, func(o *schema.ExportOutcome) {
				o.Format, o.Reason, o.Sessions, o.Members, o.Detail = schema.FormatArchive, schema.ReasonArchive, nil, []schema.ExportID{first, waiting}, "it's\ta zip"
			}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Fates(t.Context(), "me", []schema.ExportID{first, packed, waiting, zip, {9}})
	if err != nil {
		t.Fatal(err)
	}
	decoded := store.Fate{Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded}
	done, notYet := decoded, decoded
	done.Complete, done.Sessions = true, []store.FateSession{{ID: env.ID, First: first}}
	notYet.Sessions = []store.FateSession{{ID: schema.SessionID{1}}}
	equal(t, "fates", got, map[schema.ExportID]store.Fate{
		first: done, packed: done, waiting: notYet,
		zip: {
			Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Reason: schema.ReasonArchive, Detail: "it's\ta zip",
			Complete: true, Members: []schema.ExportID{first, waiting},
		},
	})
	better := schema.SessionID{7}
	for _, m := range []struct {
		duplicates.Mark
		of *schema.SessionID
	}{
		{duplicates.Mark{ID: env.ID, Of: better, Reason: duplicates.ReasonStart, Confidence: 1}, &better},
		{duplicates.Mark{ID: env.ID, Reason: duplicates.ReasonPerson, Confidence: 1}, nil}, // nobody said of which other
	} {
		if err := s.MarkCopies(t.Context(), "me", []duplicates.Mark{m.Mark}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Fates(t.Context(), "me", []schema.ExportID{first})
		if err != nil {
			t.Fatal(err)
		}
		done.Sessions[0].DuplicateOf = m.of
		equal(t, "fate of a marked session", got, map[schema.ExportID]store.Fate{first: done})
	}
	for _, tt := range []struct {
		name    string
		of      schema.AthleteID
		upload  int64
		owner   schema.AthleteID
		isFound bool
	}{
		{"own", "me", schema.JobIDOf("me", packed).UploadID(), "me", true},
		{"anybody's", "", schema.JobIDOf("other", first).UploadID(), "other", true},
		{"another's", "me", schema.JobIDOf("other", first).UploadID(), "", false},
		{"none", "", 12345, "", false},
	} {
		owner, export, found, err := s.FindUpload(t.Context(), tt.of, tt.upload)
		if err != nil {
			t.Fatal(err)
		}
		if owner != tt.owner || found != tt.isFound || found && schema.JobIDOf(owner, export).UploadID() != tt.upload {
			t.Errorf("%s upload: found %t, of %q, export %s", tt.name, found, owner, export)
		}
	}
}
