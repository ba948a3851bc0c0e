package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// receipt is what the gate says of an upload.
type receipt struct {
	ID         int64   `json:"id"`
	IDStr      string  `json:"id_str"`
	Error      *string `json:"error"`
	Status     string  `json:"status"`
	ActivityID *int64  `json:"activity_id"`
	ExportID   string  `json:"export_id"`
}

// posted is an answer of the gate.
type posted struct {
	status int
	header http.Header
	body   string
}

// post sends a body to the gate. It returns an error only when there was no
// answer.
func post(t *testing.T, address, path string, body io.Reader, header map[string]string) (posted, error) {
	t.Helper()
	method, path, found := strings.Cut(path, " ")
	if !found {
		method, path = http.MethodPost, method
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return posted{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return posted{status: resp.StatusCode, header: resp.Header, body: string(data)}, err
}

// asForm returns a multipart form with a file and fields before it.
func asForm(t *testing.T, name string, data []byte, fields ...string) (body io.Reader, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf, form.FormDataContentType()
}

// TestEndToEndGateDoors: the same file through every door, signed in in the
// way of each, is one upload and one session; the same run packed is said to
// be a copy of it.
func TestEndToEndGateDoors(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	token := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "anna").stdout)
	other := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "bert").stdout)
	data, err := os.ReadFile(filepath.Join(activities(), "easy_run.fit"))
	if err != nil {
		t.Fatal(err)
	}
	d := p.up()
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	bearer := map[string]string{"Authorization": "Bearer " + token}
	var ids []string
	send := func(name, path string, body io.Reader, header map[string]string) posted {
		t.Helper()
		got, err := post(t, d.address, path, body, header)
		if err != nil || got.status != http.StatusCreated {
			t.Fatalf("%s: %d %s %v", name, got.status, got.body, err)
		}
		ids = append(ids, got.header.Get("Plodwatch-Upload-Id"))
		return got
	}

	// GoldenCheetah's form: the token in the header, the file last.
	form, kind := asForm(t, "ride.fit", data, "activity_type", "run", "name", "Easy", "data_type", "fit", "external_id", "gc-1")
	first := send("strava", "/api/v3/uploads", form, map[string]string{"Authorization": bearer["Authorization"], "Content-Type": kind})
	// The token as a field of the form.
	form, kind = asForm(t, "ride.fit", data, "access_token", token, "data_type", "fit")
	send("strava with a field", "/api/v3/uploads", form, map[string]string{"Content-Type": kind})
	send("raw", "/api/v3/uploads?filename=ride.fit", bytes.NewReader(data), map[string]string{
		"Authorization": bearer["Authorization"], "Content-Type": "application/vnd.ant.fit",
	})
	form, kind = asForm(t, "ride.fit", data)
	send("intervals", "/api/v1/athlete/0/activities", form, map[string]string{"Authorization": basic("API_KEY", token), "Content-Type": kind})
	send("fitotrack", "/api/v1/import/fitotrack?api-key="+token, bytes.NewReader(data), map[string]string{"Content-Type": "application/gpx+xml"})
	// RunnerUp signs in to Endurain, then sends the file.
	login, err := post(t, d.address, "/api/v1/token", strings.NewReader("grant_type=password&username=anna&password="+token),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Client-Type": "mobile"})
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err != nil || login.status != http.StatusOK || json.Unmarshal([]byte(login.body), &session) != nil {
		t.Fatalf("sign in: %d %s %v", login.status, login.body, err)
	}
	form, kind = asForm(t, "RunnerUp_2024-05-01.fit", data)
	send("endurain", "/api/v1/activities/create/upload", form, map[string]string{
		"Authorization": "Bearer " + session.AccessToken, "Content-Type": kind, "X-Client-Type": "mobile",
	})
	send("webdav", "PUT /dav//RunnerUp/ride.fit", bytes.NewReader(data), map[string]string{"Authorization": basic("anna", token)})

	var taken receipt
	if err := json.Unmarshal([]byte(first.body), &taken); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if id != taken.IDStr || id == "" {
			t.Errorf("upload %d got the number %s, the first %s", i, id, taken.IDStr)
		}
	}
	ready := d.uploadStatus(taken.IDStr, bearer, "Your activity is ready.")
	if ready.ActivityID == nil || ready.Error != nil {
		t.Errorf("ready: %+v", ready)
	}

	// The same run in other bytes.
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(data); err != nil || zip.Close() != nil {
		t.Fatal(err)
	}
	form, kind = asForm(t, "x.fit.gz", packed.Bytes())
	again := send("packed", "/api/v3/uploads", form, map[string]string{"Authorization": bearer["Authorization"], "Content-Type": kind})
	var second receipt
	if err := json.Unmarshal([]byte(again.body), &second); err != nil {
		t.Fatal(err)
	}
	is := d.uploadStatus(second.IDStr, bearer, "There was an error processing your activity.")
	if want := fmt.Sprintf("x.fit.gz duplicate of activity %d", *ready.ActivityID); is.Error == nil || *is.Error != want {
		t.Errorf("the packed copy: %+v, want error %q", is, want)
	}
	if got := rows[struct{ Athlete string }](p, "SELECT athlete_id AS Athlete FROM sessions"); len(got) != 1 || got[0].Athlete != "anna" {
		t.Errorf("sessions of %v, want one of anna", got)
	}
	if got, err := post(t, d.address, "GET /api/v3/uploads/"+taken.IDStr, http.NoBody, map[string]string{"Authorization": "Bearer " + other}); err != nil || got.status != http.StatusNotFound {
		t.Errorf("another athlete's upload: %d %s %v", got.status, got.body, err)
	}
	d.stop(os.Interrupt)
}

// uploadStatus asks until an upload has a status.
func (d *daemon) uploadStatus(id string, header map[string]string, want string) receipt {
	d.p.t.Helper()
	var r receipt
	within(d.p.t, patience, func() string {
		got, err := post(d.p.t, d.address, "GET /api/v3/uploads/"+id, http.NoBody, header)
		if err != nil || got.status != http.StatusOK {
			d.p.t.Fatalf("ask for an upload: %d %s %v", got.status, got.body, err)
		}
		r = receipt{}
		if err := json.Unmarshal([]byte(got.body), &r); err != nil {
			d.p.t.Fatal(err)
		}
		if r.Status != want {
			return got.body
		}
		return ""
	})
	return r
}

// gateFiles is how many files the uploads of TestEndToEndGateKilled bring.
// PLODWATCH_GATE_FILES says otherwise.
func gateFiles(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PLODWATCH_GATE_FILES")
	if text == "" {
		return 90
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 20 {
		t.Fatalf("PLODWATCH_GATE_FILES is %q: need a number from 20", text)
	}
	return n
}

// TestEndToEndGateKilled: 16 clients upload while the process is killed five
// times. What was answered with success is a session afterwards, none is
// there twice, and clients that got an error retry to success.
func TestEndToEndGateKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	const clients, kills = 16, 5
	files := gateFiles(t)
	all, err := writeCorpus(filepath.Join(t.TempDir(), "uploads"), files, 2)
	if err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	var (
		address atomic.Pointer[string]
		acked   atomic.Int64
		failed  atomic.Int64 // tries that got no success
		next    atomic.Int64
		wg      sync.WaitGroup
		done    = make(chan struct{})
	)
	flags := []string{"--upload-rate", "100000", "--upload-burst", "100000"}
	d := p.up(flags...)
	address.Store(&d.address)
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) || t.Context().Err() != nil {
					return
				}
				data, err := os.ReadFile(all[i].path)
				if err != nil {
					t.Error(err)
					return
				}
				for uploadOnce(t, *address.Load(), data) != http.StatusCreated {
					failed.Add(1)
					if !pause(t.Context(), 20*time.Millisecond) {
						return
					}
				}
				acked.Add(1)
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	for k := range kills {
		threshold := int64((k + 1) * files / (kills + 1))
		within(t, patience, func() string {
			if acked.Load() < threshold {
				return fmt.Sprintf("%d uploads acknowledged, waiting for %d", acked.Load(), threshold)
			}
			return ""
		})
		if err := d.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-d.done
		d = p.up(flags...)
		address.Store(&d.address)
	}
	within(t, 3*patience, func() string {
		select {
		case <-done:
			return ""
		default:
			return fmt.Sprintf("%d of %d uploads acknowledged", acked.Load(), files)
		}
	})
	t.Logf("%d uploads, %d kills, %d tries without success: %.1f files/s", files, kills, failed.Load(), float64(files)/time.Since(began).Seconds())
	if failed.Load() < kills {
		t.Errorf("only %d tries failed: the kills met no uploads", failed.Load())
	}
	want := sums{}
	exports := make(map[string]bool)
	for _, f := range all {
		want.add(int64(f.Samples), f.HRSum)
		data, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		exports[hex.EncodeToString(sum[:])] = true
	}
	q := p.quiet()
	within(t, 2*patience, func() string {
		if got := q.sums(); got != want {
			return fmt.Sprintf("stored are %+v, uploaded were %+v", got, want)
		}
		return ""
	})
	stored := rows[struct{ ID string }](p, "SELECT export_id AS ID FROM sessions")
	for _, s := range stored {
		if !exports[s.ID] {
			t.Errorf("export %s is there twice or was never uploaded", s.ID)
		}
		delete(exports, s.ID)
	}
	if len(exports) > 0 {
		t.Errorf("%d acknowledged uploads have no session", len(exports))
	}
	d.stop(os.Interrupt)
}

// uploadOnce posts a body and returns the status, 0 when there was no answer.
func uploadOnce(t *testing.T, address string, data []byte) int {
	got, err := post(t, address, "/api/v3/uploads", bytes.NewReader(data), map[string]string{"Content-Type": "application/octet-stream"})
	if err != nil {
		return 0
	}
	return got.status
}
