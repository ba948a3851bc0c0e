package upload_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

func TestEachSeesEveryRecordAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	s, err := upload.OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[upload.Record]bool{}
	for i := range 50 {
		r := upload.Record{Athlete: "anna", Export: schema.ExportID{byte(i)}, Name: "run.fit", ReceivedMs: int64(i)}
		want[r] = true
		if err := s.Put(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "00"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"torn.json": `{"athl`, "foreign.json": `{"athlete":"anna"}`} {
		if err := os.WriteFile(filepath.Join(dir, "00", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Each(t.Context(), func(r *upload.Record) error {
		if !want[*r] {
			t.Errorf("%+v was not put, or comes twice", *r)
		}
		delete(want, *r)
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("Each: %v; %d records were not seen", err, len(want))
	}
	enough := errors.New("enough")
	if err := s.Each(t.Context(), func(*upload.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("Each: %v", err)
	}
}

func TestRemovedRecordsAreNotFound(t *testing.T) {
	s, err := upload.OpenRecords(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := upload.Record{Athlete: "anna", Export: schema.ExportID{1}, Name: "run.fit"}
	other := upload.Record{Athlete: "bert", Export: schema.ExportID{1}}
	for _, one := range []*upload.Record{&r, &other} {
		if err := s.Put(one); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Remove("anna", r.Export); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if found, err := s.Find(r.ID()); err != nil || len(found) != 0 {
		t.Errorf("Find of a removed record: %v, %v", found, err)
	}
	if found, err := s.Find(other.ID()); err != nil || len(found) != 1 {
		t.Errorf("Find of another's: %v, %v", found, err)
	}
}
