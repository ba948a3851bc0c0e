package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// Record is what the gate remembers of an upload beside the export itself.
type Record struct {
	Athlete    schema.AthleteID `json:"athlete"`
	Export     schema.ExportID  `json:"export"`
	Name       string           `json:"name,omitempty"`        // as the client called the file
	ExternalID string           `json:"external_id,omitempty"` // as the client gave it
	ReceivedMs int64            `json:"received_ms"`           // Unix ms
}

// ID returns the upload's number.
func (r *Record) ID() int64 { return schema.JobIDOf(r.Athlete, r.Export).UploadID() }

// Records is a directory of records, one small file each. They are a
// convenience: what became of an upload is also found by its export alone, so
// that one lost in a power cut costs a name. Several processes may share it.
type Records struct{ dir string }

// OpenRecords makes the directory (0700) or opens it.
func OpenRecords(dir string) (*Records, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of upload records: %w", err)
	}
	return &Records{dir: dir}, nil
}

func (s *Records) shard(id int64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%02x", id&0xff))
}

func (s *Records) path(r *Record) string {
	id := r.ID()
	return filepath.Join(s.shard(id), strconv.FormatInt(id, 10)+"-"+string(r.Athlete)+".json")
}

// Put remembers an upload. When it is remembered already, the first record
// stays, and r gets what it says.
func (s *Records) Put(r *Record) error {
	if old, err := readRecord(s.path(r)); err == nil {
		*r = old
		return nil
	}
	return s.Amend(r)
}

// Amend remembers an upload in place of what was remembered of it.
func (s *Records) Amend(r *Record) error {
	path := s.path(r)
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write upload record: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory of upload records: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fmt.Errorf("write upload record: %w", err)
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write upload record: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}

// Find returns the records of an upload's number: one, or none, or in theory
// one for each of several athletes.
func (s *Records) Find(id int64) ([]Record, error) {
	entries, err := os.ReadDir(s.shard(id))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for upload record: %w", err)
	}
	var found []Record
	for _, e := range entries {
		number, _, ok := strings.Cut(e.Name(), "-")
		if !ok || number != strconv.FormatInt(id, 10) {
			continue
		}
		r, err := readRecord(filepath.Join(s.shard(id), e.Name()))
		if err == nil && r.ID() == id {
			found = append(found, r)
		}
	}
	return found, nil
}

// Remove forgets an upload. One that is not remembered is no error.
func (s *Records) Remove(athlete schema.AthleteID, export schema.ExportID) error {
	err := os.Remove(s.path(&Record{Athlete: athlete, Export: export}))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove upload record: %w", err)
	}
	return nil
}

// Each calls fn for every record, in no special order. It ends early with fn's
// error, as it is.
func (s *Records) Each(ctx context.Context, fn func(*Record) error) error {
	for shard := range int64(256) {
		entries, err := os.ReadDir(s.shard(shard))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("list upload records: %w", err)
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("list upload records: %w", err)
			}
			r, err := readRecord(filepath.Join(s.shard(shard), e.Name()))
			if err != nil || s.path(&r) != filepath.Join(s.shard(shard), e.Name()) {
				continue // half written, or not one of ours
			}
			if err := fn(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

func readRecord(path string) (Record, error) {
	var r Record
	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read upload record: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read upload record: %w", err)
	}
	return r, nil
}
