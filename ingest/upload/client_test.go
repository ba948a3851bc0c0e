package upload_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"plodwatch/schema"
)

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// uploadAnswer is the form in which Strava documents an upload.
type uploadAnswer struct {
	ID         int64   `json:"id"`
	IDStr      string  `json:"id_str"`
	ExternalID *string `json:"external_id"`
	Error      *string `json:"error"`
	Status     string  `json:"status"`
	ActivityID *int64  `json:"activity_id"`
	Athlete    string  `json:"athlete"`
	Files      []struct {
		ExportID string  `json:"export_id"`
		Status   string  `json:"status"`
		Error    *string `json:"error"`
	} `json:"files"`
}

func (a answer) upload(t testing.TB) uploadAnswer {
	t.Helper()
	var u uploadAnswer
	if err := json.Unmarshal([]byte(a.body), &u); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return u
}

// faultCode returns field and code of an error in Strava's form.
func (a answer) faultCode(t testing.TB) string {
	t.Helper()
	var f struct {
		Message string
		Error   string
		Errors  []struct{ Resource, Field, Code string }
	}
	err := json.Unmarshal([]byte(a.body), &f)
	if err != nil || len(f.Errors) != 1 || f.Message == "" || f.Message != f.Error || f.Errors[0].Resource != "Upload" {
		t.Fatalf("%d %s is no error in Strava's form: %v", a.status, a.body, err)
	}
	return f.Errors[0].Field + " " + f.Errors[0].Code
}

// want fails the test when the answer is another.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("answer %d %s, want %d", a.status, a.body, status)
	}
	return a
}

// wantFault fails the test when the answer is not this error.
func (a answer) wantFault(t testing.TB, status int, code string) answer {
	t.Helper()
	if got := a.want(t, status).faultCode(t); got != code {
		t.Errorf("%d %s, want %s", status, got, code)
	}
	return a
}

// do sends a request and reads the answer.
func (h *house) do(r *http.Request) answer {
	h.t.Helper()
	response, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// request makes a request with headers given as name, value, ...
func (h *house) request(method, path string, body io.Reader, headers ...string) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	return r
}

// post sends a body.
func (h *house) post(path string, body []byte, headers ...string) answer {
	h.t.Helper()
	return h.do(h.request(http.MethodPost, path, bytes.NewReader(body), headers...))
}

// get asks.
func (h *house) get(path string, headers ...string) answer {
	h.t.Helper()
	return h.do(h.request(http.MethodGet, path, http.NoBody, headers...))
}

const uploads = "/api/v3/uploads"

// send posts a form to Strava's door.
func (h *house) send(form []field, headers ...string) answer {
	h.t.Helper()
	kind, body := packed(h.t, form)
	return h.post(uploads, body, append(headers, "Content-Type", kind)...)
}

// field is a field of a form; one with a file name is a file.
type field struct{ name, value, file, kind string }

func fileField(data []byte) field {
	return field{name: "file", value: string(data), file: private + ".fit", kind: "application/octet-stream"}
}

// packed returns a form as a body and its media type.
func packed(t testing.TB, form []field) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range form {
		head := textproto.MIMEHeader{}
		disposition := fmt.Sprintf("form-data; name=%q", f.name)
		if f.file != "" {
			disposition += fmt.Sprintf("; filename=%q", f.file)
		}
		head.Set("Content-Disposition", disposition)
		if f.kind != "" {
			head.Set("Content-Type", f.kind)
		}
		part, err := w.CreatePart(head)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, f.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// bearer and basic are headers that bring a token.
func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func basic(user, token string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))}
}

// numberOf returns the number that an upload of these bytes must have.
func numberOf(athlete schema.AthleteID, data []byte) int64 {
	return schema.JobIDOf(athlete, schema.ExportIDOf(data)).UploadID()
}

// fitBytes returns n bytes that begin like a FIT file; no two seeds give the
// same.
func fitBytes(seed uint32, n int) []byte {
	data := make([]byte, 0, n)
	data = append(data, 14, 0x20, 0x54, 0x08)
	data = binary.LittleEndian.AppendUint32(data, uint32(n-16)) //nolint:gosec // small
	data = append(data, ".FIT"...)
	for len(data) < n {
		seed = seed*1664525 + 1013904223
		data = binary.LittleEndian.AppendUint32(data, seed)
	}
	return data[:n]
}

// gpxText is a track in Berlin.
func gpxText(n int) []byte {
	return []byte(`<?xml version="1.0"?><gpx version="1.1"><trk><name>` + private + `</name><trkseg>` +
		strings.Repeat(`<trkpt lat="`+latitude+`" lon="`+longitude+`"><time>2024-05-01T10:00:00Z</time></trkpt>`, n) +
		`</trkseg></trk></gpx>`)
}

// tcxText is an activity without laps.
func tcxText() []byte {
	return []byte(`<?xml version="1.0"?><TrainingCenterDatabase><Activities><Activity Sport="Running"><Id>` +
		private + `</Id></Activity></Activities></TrainingCenterDatabase>`)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func decodeJSON(data []byte, v any) error { return json.Unmarshal(data, v) }

// record serves a request without a connection.
func record(h *house, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.gate.ServeHTTP(w, r)
	return w
}
