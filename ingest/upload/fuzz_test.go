package upload_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// counted counts what an intake takes.
type counted struct {
	*shelf

	n atomic.Int64
}

// Accept stores what r holds.
func (c *counted) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	rc, err := c.shelf.Accept(ctx, athlete, source, r)
	if err == nil {
		c.n.Add(1)
	}
	return rc, err
}

// sentFile finds out in its own way which file a request brings: the whole
// body is unpacked before it is looked at.
func sentFile(contentType, coding string, body []byte) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	kind, params, _ := mime.ParseMediaType(contentType)
	if kind != "multipart/form-data" {
		return body, nil
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" || part.FileName() != "" {
			return io.ReadAll(part)
		}
	}
}

// FuzzUpload sends anything to every door: the gate does not panic, never says
// that it is the server's fault, and what it says it has taken is what was
// sent. What it refuses is not taken. TOKEN in a body stands for a token.
func FuzzUpload(f *testing.F) {
	const form = "multipart/form-data; boundary=b"
	fit, gpx := string(fitBytes(1, 200)), string(gpxText(2))
	packedFit := string(gzipped(f, []byte(fit)))
	body := func(parts ...string) string { return "--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n" }
	file := "Content-Disposition: form-data; name=\"file\"; filename=\"a.fit\"\r\n\r\n" + fit
	token := "Content-Disposition: form-data; name=\"access_token\"\r\n\r\nTOKEN"
	id := "Content-Disposition: form-data; name=\"external_id\"\r\n\r\n7"
	for _, seed := range []struct{ kind, coding, disposition, name, body string }{
		{"application/vnd.ant.fit", "", "", "a.fit", fit},
		{"application/gpx+xml", "", `attachment; filename="a b.gpx"`, "", gpx},
		{"application/gzip", "", `attachment; filename*=UTF-8''%C3%A4`, "", packedFit},
		{"", "gzip", "", "", packedFit},
		{"", "gzip", "", "", packedFit[:len(packedFit)-3]},
		{"", "br", "", "../x", fit},
		{form, "", "", "", body(token, file, id)},
		{form, "", "", "", body(file, token)},
		{form, "", "", "", body(file, file)},
		{form, "", "", "", body(token, file, id)[:300]},
		{form, "", "", "", body(strings.Replace(file, "\r\n\r\n", "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 1))},
		{form, "gzip", "", "", string(gzipped(f, []byte(body(file))))},
		{form, "", "", "", strings.ReplaceAll(body(file), "\r\n", "\n")},
		{"multipart/form-data", "", "", "", body(file)},
		{"multipart/mixed; boundary=b", "", "", "", body(file)},
		{"application/json", "", "", "", `{"username":"x","password":"TOKEN"}`},
		{"application/x-www-form-urlencoded", "", "", "", "password=TOKEN"},
	} {
		for _, way := range []uint8{0, 1, 2, 4, 8, 16, 24, 32} {
			f.Add(way, seed.kind, seed.coding, seed.disposition, seed.name, []byte(seed.body))
		}
	}
	var intake *counted
	h := open(f, func(h *house) {
		intake = &counted{shelf: &shelf{house: h}}
		h.intake, h.records = intake, f.TempDir()
		h.cfg.MaxFITBytes, h.cfg.MaxBytes = 4<<10, 8<<10
		h.cfg.Rate, h.cfg.Burst = 1e9, math.MaxInt32
	})
	secret := h.token("anna", tokens.RoleUpload)
	f.Fuzz(func(t *testing.T, way uint8, kind, coding, disposition, name string, data []byte) {
		data = bytes.ReplaceAll(data, []byte("TOKEN"), []byte(secret))
		path := []string{uploads, "/api/v1/athlete/0/activities", "/api/v1/activities/create/upload", "/api/v1/import/generic", "/api/v1/token"}[way/8%5]
		query := url.Values{"filename": {name}, "external_id": {name}}
		if way&1 == 0 && strings.Contains(path, "import") {
			query.Set("api-key", secret)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path+"?"+query.Encode(), bytes.NewReader(data))
		if way&2 == 0 {
			r.Header.Set("Authorization", "Bearer "+secret)
		}
		if way&4 == 0 {
			r.ContentLength = -1
		}
		for header, value := range map[string]string{"Content-Type": kind, "Content-Encoding": coding, "Content-Disposition": disposition} {
			if value != "" {
				r.Header.Set(header, value)
			}
		}
		before := intake.n.Load()
		w := record(h, r)
		taken := intake.n.Load() - before
		switch {
		case w.Code >= http.StatusInternalServerError:
			t.Fatalf("%d %s", w.Code, w.Body)
		case w.Code != http.StatusCreated:
			if taken != 0 {
				t.Fatalf("taken and refused: %d %s", w.Code, w.Body)
			}
		default:
			if taken != 1 {
				t.Fatalf("%d exports taken: %s", taken, w.Body)
			}
			want, err := sentFile(kind, coding, data)
			if err != nil {
				t.Fatalf("what cannot be read is taken: %v", err)
			}
			h.took(t, w, want)
		}
	})
}

// took fails the test when an answer is not that to this file or the file is
// not stored, and then forgets the file.
func (h *house) took(t *testing.T, w *httptest.ResponseRecorder, data []byte) {
	t.Helper()
	export, number := schema.ExportIDOf(data), numberOf("anna", data)
	if got := w.Header().Get("Plodwatch-Upload-Id"); got != strconv.FormatInt(number, 10) || !strings.Contains(w.Body.String(), got) {
		t.Fatalf("upload %s, want %d: %s", got, number, w.Body)
	}
	if !bytes.Equal(readExport(t, h.blobs, export), data) {
		t.Fatalf("what is stored is not what was sent: %q", data)
	}
	limit := h.cfg.MaxBytes
	if ingest.Sniff(data[:min(len(data), ingest.SniffBytes)]) == ingest.KindFIT {
		limit = h.cfg.MaxFITBytes
	}
	if len(data) == 0 || int64(len(data)) > limit {
		t.Fatalf("%d bytes are taken", len(data))
	}
	// Or the disk would fill up.
	name := filepath.Join(h.dir, "data", export.String()[:2], export.String())
	record := filepath.Join(h.records, fmt.Sprintf("%02x", number&0xff), fmt.Sprintf("%d-anna.json", number))
	for _, name := range []string{name, name + ".zst", record} {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
