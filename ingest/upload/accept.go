package upload

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// file is an export as a door has found it.
type file struct {
	name       string // as the client calls it
	externalID string
	body       io.Reader
}

// Receipt says what was taken.
type Receipt struct {
	ID        int64 // the same for the same bytes of the same athlete
	Record    Record
	Duplicate bool // the same bytes were taken before
}

// accept is what every door does: it streams the body to the blob store,
// queues a job and returns when both are durable.
func (g *Gate) accept(ctx context.Context, athlete schema.AthleteID, f *file) (Receipt, error) {
	body := bufio.NewReaderSize(f.body, ingest.SniffBytes)
	head, err := body.Peek(ingest.SniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return Receipt{}, err
	}
	if len(head) == 0 {
		return Receipt{}, refuse(http.StatusBadRequest, "file", "empty", "the file is empty")
	}
	limit := g.cfg.MaxBytes
	if ingest.Sniff(head) == ingest.KindFIT {
		limit = min(limit, g.cfg.MaxFITBytes)
	}
	rc, err := g.deps.Intake.Accept(ctx, athlete, schema.SourceUpload, limited(body, limit))
	if err != nil {
		return Receipt{}, err
	}
	record := Record{
		Athlete: athlete, Export: rc.Job.Export, ReceivedMs: rc.Job.ReceivedMs,
		Name: clip(f.name), ExternalID: clip(f.externalID),
	}
	if err := g.remember(&record, clip(f.externalID)); err != nil {
		// The upload is taken; without its record only the names are lost.
		g.deps.Log.WarnContext(ctx, "upload is not recorded", "error", err)
	}
	g.deps.Metrics.bytes.Add(float64(rc.Job.Bytes))
	return Receipt{ID: record.ID(), Record: record, Duplicate: rc.Duplicate}, nil
}

// remember records an upload, or makes r what was recorded of it before. An
// external id that was not known then is added.
func (g *Gate) remember(r *Record, externalID string) error {
	if err := g.deps.Records.Put(r); err != nil || r.ExternalID != "" || externalID == "" {
		return err
	}
	r.ExternalID = externalID
	return g.deps.Records.Amend(r)
}

// maxText bounds what a client may say beside the file, in bytes.
const maxText = 4096

// clip shortens text from a client.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// uploadHeader names the upload in every answer, also of doors whose form has
// no place for it.
const uploadHeader = "Plodwatch-Upload-Id"

// announce puts the upload's number and address into the answer's headers.
func announce(w http.ResponseWriter, rc *Receipt) {
	id := strconv.FormatInt(rc.ID, 10)
	w.Header().Set(uploadHeader, id)
	w.Header().Set("Location", "/api/v3/uploads/"+id)
}
