package upload_test

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// davHouse is a house whose gate is served as the program serves it.
type davHouse struct {
	*house

	url    string // ends in /dav
	secret string // a token of anna, to upload
	client *http.Client
}

func newDAVHouse(t *testing.T, change func(*upload.Config)) *davHouse {
	t.Helper()
	h := &davHouse{house: open(t, func(h *house) {
		if change != nil {
			change(&h.cfg)
		}
	})}
	h.secret = h.token("anna", tokens.RoleUpload)
	mux := http.NewServeMux()
	for _, p := range upload.Paths() {
		mux.Handle(p, h.gate)
	}
	server := httptest.NewServer(upload.Tidy(mux))
	t.Cleanup(server.Close)
	h.url, h.client = server.URL+"/dav", server.Client()
	return h
}

// notNow has Ready say this.
func (h *davHouse) notNow(err error) {
	ready := func(context.Context) error { return err }
	h.ready.Store(&ready)
}

// davAnswer is an answer whose body has been read.
type davAnswer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with anna's token, or what header "Authorization" says.
func (h *davHouse) do(t *testing.T, method, path string, body io.Reader, header ...string) davAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("whoever", h.secret)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := h.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return davAnswer{answer.StatusCode, answer.Header, string(text)}
}

// want does a request and looks at its status.
func (h *davHouse) want(t *testing.T, status int, method, path, body string, header ...string) davAnswer {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	a := h.do(t, method, path, r, header...)
	if a.status != status {
		t.Errorf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// raw sends bytes, says that there are no more, and returns the status.
func (h *davHouse) raw(t *testing.T, text string, half bool) int {
	t.Helper()
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head, body, _ := strings.Cut(text, "\n\n")
	head = strings.ReplaceAll(head, "\n", "\r\n") + "\r\nHost: " + u.Host + "\r\nAuthorization: Bearer " + h.secret + "\r\n\r\n"
	if _, err := io.WriteString(conn, head+body); err != nil {
		t.Fatal(err)
	}
	if half {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// list returns what a PROPFIND lists: paths below /dav, with the sizes of
// files and -1 of folders.
func (h *davHouse) list(t *testing.T, path, depth string) map[string]int64 {
	t.Helper()
	a := h.want(t, http.StatusMultiStatus, "PROPFIND", path, "", "Depth", depth)
	var all struct {
		Responses []struct {
			Href  string    `xml:"href"`
			Size  *int64    `xml:"propstat>prop>getcontentlength"`
			Dir   *struct{} `xml:"propstat>prop>resourcetype>collection"`
			Since string    `xml:"propstat>prop>getlastmodified"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal([]byte(a.body), &all); err != nil {
		t.Fatalf("PROPFIND %s: %v", path, err)
	}
	found := make(map[string]int64)
	for _, r := range all.Responses {
		name, err := url.PathUnescape(strings.TrimPrefix(r.Href, "/dav"))
		if err != nil {
			t.Fatal(err)
		}
		if at, err := http.ParseTime(r.Since); err != nil || time.Since(at) > time.Hour {
			t.Errorf("%s: changed %q", name, r.Since)
		}
		found[name] = -1
		if r.Dir == nil {
			if r.Size == nil {
				t.Fatalf("%s: no size", name)
			}
			found[name] = *r.Size
		}
	}
	return found
}

func (h *davHouse) wantList(t *testing.T, path string, want map[string]int64) {
	t.Helper()
	if got := h.list(t, path, "1"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s lists %v, want %v", path, got, want)
	}
}

// jobs returns how many jobs are queued.
func (h *davHouse) jobs() int { return int(h.queue()) } //nolint:gosec // few

// taken fails the test when an athlete's file with these bytes was not taken.
func (h *davHouse) taken(t *testing.T, athlete schema.AthleteID, data string) string {
	t.Helper()
	id := schema.ExportIDOf([]byte(data))
	if got := h.stored(id); string(got) != data {
		t.Errorf("%d bytes stored, want %d", len(got), len(data))
	}
	job := schema.JobIDOf(athlete, id)
	if !h.blobs.Taken(job) {
		t.Error("not taken")
	}
	return strconv.FormatInt(job.UploadID(), 10)
}

// puts returns how many PUTs were answered so.
func (h *davHouse) puts(status int) int {
	return int(h.metric("plodwatch_gate_requests_total", "dav_put", strconv.Itoa(status)))
}
