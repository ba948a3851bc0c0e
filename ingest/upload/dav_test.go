package upload_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
)

// TestDAVTakesWhatRunnerUpSends sends the requests of RunnerUp's WebDAV
// synchronizer, with each way to write the address.
func TestDAVTakesWhatRunnerUpSends(t *testing.T) {
	h := newDAVHouse(t, nil)
	want := 0
	for _, base := range []string{"", "/", "/RunnerUp", "/RunnerUp/", "//deep//er/"} {
		t.Run(base, func(t *testing.T) {
			if a := h.do(t, "PROPFIND", base, nil); a.status == http.StatusNotFound {
				h.want(t, http.StatusCreated, "MKCOL", base, "")
				h.want(t, http.StatusMultiStatus, "PROPFIND", base, "")
			} else if a.status != http.StatusMultiStatus {
				t.Fatalf("PROPFIND: %d", a.status)
			}
			data := "<gpx>" + base
			name := base + "/RunnerUp_2026-05-17-08-00-00_Running.gpx"
			a := h.want(t, http.StatusCreated, http.MethodPut, name, data, "Content-Type", "application/gpx+xml")
			if id := h.taken(t, "anna", data); a.header.Get("Plodwatch-Upload-Id") != id {
				t.Errorf("upload %q, want %q", a.header.Get("Plodwatch-Upload-Id"), id)
			}
			if a.header.Get("Location") != "" {
				t.Errorf("Location %q: the file is where it was put", a.header.Get("Location"))
			}
			want++
			if n := h.jobs(); n != want {
				t.Errorf("%d jobs, want %d", n, want)
			}
		})
	}
}

func TestDAVListsWhatWasPut(t *testing.T) {
	h := newDAVHouse(t, nil)
	put := h.want(t, http.StatusCreated, http.MethodPut, "/a/b/run%20%C3%BC%23.fit", "0123456789")
	h.want(t, http.StatusCreated, "MKCOL", "/a/c/", "")
	h.want(t, http.StatusMethodNotAllowed, "MKCOL", "/a/c", "")
	h.wantList(t, "", map[string]int64{"/": -1, "/a/": -1})
	h.wantList(t, "/a", map[string]int64{"/a/": -1, "/a/b/": -1, "/a/c/": -1})
	h.wantList(t, "/a/b/", map[string]int64{"/a/b/": -1, "/a/b/run ü#.fit": 10})
	if got := h.list(t, "/a/", "0"); len(got) != 1 {
		t.Errorf("depth 0 lists %v", got)
	}
	h.want(t, http.StatusForbidden, "PROPFIND", "/", "", "Depth", "infinity")
	h.want(t, http.StatusNotFound, "PROPFIND", "/b", "")

	head := h.want(t, http.StatusOK, http.MethodHead, "/a/b/run%20%C3%BC%23.fit", "")
	if got := head.header; got.Get("Content-Length") != "10" || got.Get("Last-Modified") == "" ||
		got.Get("Etag") == "" || got.Get("Etag") != put.header.Get("Etag") ||
		got.Get("Plodwatch-Upload-Id") != put.header.Get("Plodwatch-Upload-Id") {
		t.Errorf("HEAD %v after PUT %v", got, put.header)
	}
	h.want(t, http.StatusOK, http.MethodHead, "/a", "")
	h.want(t, http.StatusNotFound, http.MethodHead, "/b", "")
	h.want(t, http.StatusForbidden, http.MethodGet, "/a/b/run%20%C3%BC%23.fit", "")
	if o := h.want(t, http.StatusOK, http.MethodOptions, "/", ""); o.header.Get("DAV") != "1, 2" {
		t.Errorf("OPTIONS: %v", o.header)
	}

	// Other bytes under the same name are another upload, and the listing is
	// of the latest.
	h.want(t, http.StatusCreated, http.MethodPut, "/a/b/run%20%C3%BC%23.fit", "abc")
	h.wantList(t, "/a/b", map[string]int64{"/a/b/": -1, "/a/b/run ü#.fit": 3})
	h.taken(t, "anna", "0123456789")
	h.taken(t, "anna", "abc")

	h.want(t, http.StatusNoContent, http.MethodDelete, "/a/b", "")
	h.want(t, http.StatusNotFound, http.MethodDelete, "/a/b", "")
	h.wantList(t, "/a", map[string]int64{"/a/": -1, "/a/c/": -1})
	h.taken(t, "anna", "0123456789")
	for _, path := range []string{"", "/"} {
		if a := h.do(t, http.MethodDelete, path, nil); a.status < 400 {
			t.Errorf("DELETE of the top: %d", a.status)
		}
	}
	if n := h.jobs(); n != 2 {
		t.Errorf("%d jobs, want 2", n)
	}
}

func TestDAVMovesListings(t *testing.T) {
	h := newDAVHouse(t, nil)
	fit := "0123456\x00.FIT and so on"
	first := h.want(t, http.StatusCreated, http.MethodPut, "/in/.run.fit.tmp", fit)
	if first.header.Get("Plodwatch-Upload-Id") != h.taken(t, "anna", fit) {
		t.Error("an activity under a name of unfinished files is not taken")
	}
	h.want(t, http.StatusCreated, "MOVE", "/in/.run.fit.tmp", "", "Destination", h.url+"//out/run.fit")
	h.wantList(t, "/out", map[string]int64{"/out/": -1, "/out/run.fit": int64(len(fit))})
	h.wantList(t, "/in", map[string]int64{"/in/": -1})
	// As a proxy passes it on that says another host.
	h.want(t, http.StatusCreated, "MOVE", "/out", "", "Destination", "https://watch.example/dav/done/2026/", "Overwrite", "F")
	h.wantList(t, "/done/2026", map[string]int64{"/done/2026/": -1, "/done/2026/run.fit": int64(len(fit))})

	h.want(t, http.StatusCreated, http.MethodPut, "/b.gpx", "bytes")
	h.want(t, http.StatusPreconditionFailed, "MOVE", "/b.gpx", "", "Destination", "/dav/done/2026/run.fit", "Overwrite", "F")
	h.want(t, http.StatusNoContent, "MOVE", "/b.gpx", "", "Destination", "/dav/done/2026/run.fit")
	h.wantList(t, "/done/2026", map[string]int64{"/done/2026/": -1, "/done/2026/run.fit": 5})
	for _, c := range []struct {
		status   int
		from, to string
	}{
		{http.StatusNotFound, "/nothing", "/dav/done/2026/run.fit"},
		{http.StatusForbidden, "/done", "/dav/done/2026/deeper"},
		{http.StatusForbidden, "/done/2026/run.fit", "/dav/done"},
		{http.StatusForbidden, "/done", "/dav/done/"},
		{http.StatusForbidden, "/", "/dav/x"},
		{http.StatusForbidden, "/done", "/dav/"},
		{http.StatusForbidden, "/done", "/dav/done/2026/run.fit/x"},
		{http.StatusBadGateway, "/done", "/elsewhere"},
		{http.StatusBadRequest, "/done", ""},
		{http.StatusBadRequest, "/done", "/dav/a%00b"},
	} {
		h.want(t, c.status, "MOVE", c.from, "", "Destination", c.to)
	}
	h.want(t, http.StatusForbidden, "COPY", "/done", "", "Destination", "/dav/copy")
	h.wantList(t, "/done/2026", map[string]int64{"/done/2026/": -1, "/done/2026/run.fit": 5})
	if n := h.jobs(); n != 2 {
		t.Errorf("%d jobs, want 2", n)
	}
}

// TestDAVListsEmptyFilesAndLitter: they are listed, and nothing is taken.
func TestDAVListsEmptyFilesAndLitter(t *testing.T) {
	h := newDAVHouse(t, nil)
	h.want(t, http.StatusCreated, http.MethodPut, "/empty.fit", "")
	for _, name := range []string{".DS_Store", "._run.fit", "Thumbs.db"} {
		a := h.want(t, http.StatusCreated, http.MethodPut, "/"+name, "litter")
		if a.header.Get("Plodwatch-Upload-Id") != "" {
			t.Errorf("%s: an upload", name)
		}
	}
	h.wantList(t, "/", map[string]int64{"/": -1, "/empty.fit": 0, "/.DS_Store": 6, "/._run.fit": 6, "/Thumbs.db": 6})
	// Nobody is to believe that its content was taken.
	h.want(t, http.StatusForbidden, "MOVE", "/._run.fit", "", "Destination", "/dav/run.fit")
	h.want(t, http.StatusCreated, "MOVE", "/._run.fit", "", "Destination", "/dav/._other.fit")
	if n := h.jobs(); n != 0 {
		t.Errorf("%d jobs, want none", n)
	}
	h.want(t, http.StatusCreated, http.MethodPut, "/empty.fit", "no longer")
	h.taken(t, "anna", "no longer")
}

// TestDAVLocks does what file managers do: lock a new name, put, unlock.
func TestDAVLocks(t *testing.T) {
	h := newDAVHouse(t, nil)
	const body = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`
	lock := h.want(t, http.StatusCreated, "LOCK", "/x/run.fit", body, "Depth", "0", "Timeout", "Infinite, Second-4100000000")
	if !strings.Contains(lock.body, "<D:timeout>Second-600</D:timeout>") {
		t.Errorf("lock without an end: %s", lock.body)
	}
	token := lock.header.Get("Lock-Token")
	h.wantList(t, "/x", map[string]int64{"/x/": -1, "/x/run.fit": 0})
	h.want(t, http.StatusLocked, "LOCK", "/x/run.fit", body)
	h.want(t, http.StatusLocked, http.MethodPut, "/x/run.fit", "of another client")
	h.want(t, http.StatusCreated, http.MethodPut, "/x/run.fit", "of the client", "If", "("+token+")")
	h.want(t, http.StatusOK, "LOCK", "/x/run.fit", "", "If", "("+token+")", "Timeout", "Second-60")
	h.want(t, http.StatusNoContent, "UNLOCK", "/x/run.fit", "", "Lock-Token", token)
	h.want(t, http.StatusCreated, http.MethodPut, "/x/run.fit", "of another client")
	if n := h.jobs(); n != 2 {
		t.Errorf("%d jobs, want 2", n)
	}

	many := 0
	for i := range 300 {
		if a := h.do(t, "LOCK", "/x/"+strconv.Itoa(i), strings.NewReader(body)); a.status == http.StatusCreated {
			many++
		}
	}
	if many != 256 {
		t.Errorf("%d locks held at a time, want 256", many)
	}
	h.want(t, http.StatusMultiStatus, "PROPPATCH", "/x/run.fit",
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="x">1</a></D:prop></D:set></D:propertyupdate>`)
	h.want(t, http.StatusBadRequest, "PROPPATCH", "/x/run.fit",
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="x">`+strings.Repeat("1", 9<<10)+`</a></D:prop></D:set></D:propertyupdate>`)
}

// TestDAVTakesNothingBroken: what did not come whole, or may not come, is
// neither taken nor listed, and the answer says why.
func TestDAVTakesNothingBroken(t *testing.T) {
	const most, mostFIT = 100 << 10, 50 << 10
	h := newDAVHouse(t, func(c *upload.Config) {
		c.MaxBytes, c.MaxFITBytes, c.Stall = most, mostFIT, 50*time.Millisecond
	})
	var zip bytes.Buffer
	z := gzip.NewWriter(&zip)
	_, _ = io.WriteString(z, strings.Repeat("packed", 50))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	packed := zip.String()
	h.want(t, http.StatusCreated, http.MethodPut, "/good", packed, "Content-Encoding", "gzip")
	h.taken(t, "anna", strings.Repeat("packed", 50))
	h.want(t, http.StatusCreated, http.MethodPut, "/whole", strings.Repeat("x", most))
	h.want(t, http.StatusCreated, http.MethodPut, "/sub/file", "a file")

	fit := "0123456\x00.FIT" + strings.Repeat("x", mostFIT)
	for name, status := range map[string]func() int{
		"400 cut off": func() int {
			return h.raw(t, "PUT /dav/bad HTTP/1.1\nContent-Length: 8000\n\n"+strings.Repeat("x", 5000), true)
		},
		"400 cut off at once": func() int { return h.raw(t, "PUT /dav/bad HTTP/1.1\nContent-Length: 8000\n\n", true) },
		"400 chunks cut off": func() int {
			return h.raw(t, "PUT /dav/bad HTTP/1.1\nTransfer-Encoding: chunked\n\n5\r\n01234\r\n", true)
		},
		"400 litter cut off": func() int {
			return h.raw(t, "PUT /dav/.bad HTTP/1.1\nContent-Length: 8000\n\n"+strings.Repeat("x", 5000), true)
		},
		"408 stalls": func() int {
			return h.raw(t, "PUT /dav/bad HTTP/1.1\nContent-Length: 8000\n\n"+strings.Repeat("x", 5000), false)
		},
		"413 length": func() int {
			return h.do(t, http.MethodPut, "/bad", strings.NewReader(strings.Repeat("x", most+1))).status
		},
		"413 chunks": func() int {
			return h.do(t, http.MethodPut, "/bad", io.MultiReader(strings.NewReader(strings.Repeat("x", most+1)))).status
		},
		"413 fit": func() int { return h.do(t, http.MethodPut, "/bad", strings.NewReader(fit)).status },
		"413 litter": func() int {
			return h.do(t, http.MethodPut, "/.bad", io.MultiReader(strings.NewReader(strings.Repeat("x", most+1)))).status
		},
		"400 gzip cut off": func() int {
			return h.do(t, http.MethodPut, "/bad", strings.NewReader(packed[:len(packed)-9]), "Content-Encoding", "gzip").status
		},
		"400 not gzip": func() int {
			return h.do(t, http.MethodPut, "/bad", strings.NewReader("plain"), "Content-Encoding", "gzip").status
		},
		"415 encoding": func() int {
			return h.do(t, http.MethodPut, "/bad", strings.NewReader("plain"), "Content-Encoding", "br").status
		},
		"400 part": func() int {
			return h.do(t, http.MethodPut, "/bad", strings.NewReader("x"), "Content-Range", "bytes 0-0/2").status
		},
		"405 folder":     func() int { return h.do(t, http.MethodPut, "/sub", strings.NewReader("x")).status },
		"405 top":        func() int { return h.do(t, http.MethodPut, "/", strings.NewReader("x")).status },
		"409 below file": func() int { return h.do(t, http.MethodPut, "/sub/file/bad", strings.NewReader("x")).status },
		"400 control":    func() int { return h.do(t, http.MethodPut, "/bad%0a", strings.NewReader("x")).status },
		"400 not utf-8":  func() int { return h.do(t, http.MethodPut, "/bad%ff", strings.NewReader("x")).status },
		"414 long name": func() int {
			return h.do(t, http.MethodPut, "/"+strings.Repeat("b", 256), strings.NewReader("x")).status
		},
		"414 deep":          func() int { return h.do(t, http.MethodPut, strings.Repeat("/b", 65), strings.NewReader("x")).status },
		"405 post":          func() int { return h.do(t, http.MethodPost, "/whole", strings.NewReader("x")).status },
		"400 propfind body": func() int { return h.do(t, "PROPFIND", "/", strings.NewReader("<x")).status },
	} {
		t.Run(name, func(t *testing.T) {
			if got := strconv.Itoa(status()); got != name[:3] {
				t.Errorf("answer %s", got)
			}
		})
	}
	h.wantList(t, "/", map[string]int64{"/": -1, "/good": 300, "/whole": most, "/sub/": -1})
	h.wantList(t, "/sub", map[string]int64{"/sub/": -1, "/sub/file": 6})
	if n := h.jobs(); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
}

// TestDAVPushesBack: what cannot be taken now is not listed, and can be put
// later.
func TestDAVPushesBack(t *testing.T) {
	h := newDAVHouse(t, func(c *upload.Config) { c.Rate, c.Burst = 1e-6, 5 })
	for status, notNow := range map[int]error{
		http.StatusServiceUnavailable:  ingest.ErrBusy,
		http.StatusInsufficientStorage: ingest.ErrDiskFull,
	} {
		h.notNow(notNow)
		if a := h.want(t, status, http.MethodPut, "/run.fit", "bytes"); a.header.Get("Retry-After") == "" {
			t.Errorf("%d without Retry-After", status)
		}
	}
	h.notNow(nil)
	h.wantList(t, "/", map[string]int64{"/": -1})
	h.want(t, http.StatusCreated, http.MethodPut, "/run.fit", "bytes")
	if err := h.nats.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := h.want(t, http.StatusServiceUnavailable, http.MethodPut, "/other.fit", "other bytes"); a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	h.want(t, http.StatusServiceUnavailable, http.MethodPut, "/run.fit", "better bytes")
	h.wantList(t, "/", map[string]int64{"/": -1, "/run.fit": 5})
	if a := h.want(t, http.StatusTooManyRequests, http.MethodPut, "/other.fit", "other bytes"); a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	for range 10 { // looking is not counted
		h.list(t, "/", "1")
	}
}

func TestDAVNeedsATokenThatMay(t *testing.T) {
	h := newDAVHouse(t, nil)
	read, bert := h.token("anna", tokens.RoleRead), h.token("bert", tokens.RoleUpload)
	h.want(t, http.StatusCreated, http.MethodPut, "/run.fit", "bytes")
	for _, c := range []struct {
		token, method string
		status        int
	}{
		{"", http.MethodOptions, 401},
		{"", "PROPFIND", 401},
		{"", http.MethodPut, 401},
		{h.secret + "x", http.MethodPut, 401},
		{read, http.MethodPut, 403},
		{read, "MKCOL", 403},
		{read, "LOCK", 403},
		{read, "MOVE", 403},
		{read, http.MethodDelete, 403},
		{read, "PROPFIND", 207},
		{read, http.MethodHead, 200},
		{bert, http.MethodHead, 404},
		{bert, http.MethodPut, 201},
		{bert, http.MethodDelete, 204},
		{h.secret, http.MethodHead, 200},
	} {
		header := []string{"Authorization", "Bearer " + c.token, "Destination", "/dav/other.fit"}
		if c.method == http.MethodPut { // only a form may bring a token in its body
			header = append(header, "Content-Type", "multipart/form-data; boundary=x")
		}
		a := h.want(t, c.status, c.method, "/run.fit", "", header...)
		if c.status == 401 && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: 401 without WWW-Authenticate", c.method)
		}
	}
	if got := h.log.String(); !strings.Contains(got, "dav_put") || strings.Contains(got, "run.fit") ||
		strings.Contains(got, h.secret) || strings.Contains(got, "bert") {
		t.Errorf("the log lacks requests or has a name or a token:\n%s", got)
	}
}

func TestDAVTakesManyAtTheSameTime(t *testing.T) {
	h := newDAVHouse(t, nil)
	const clients, each = 16, 10
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				path := fmt.Sprintf("/c%d/d%d/run.fit", c%4, c*each+i)
				h.want(t, http.StatusCreated, http.MethodPut, path, "bytes of "+path)
				h.list(t, fmt.Sprintf("/c%d", c%4), "1")
			}
		})
	}
	wg.Wait()
	if n := h.jobs(); n != clients*each {
		t.Errorf("%d jobs, want %d", n, clients*each)
	}
	listed := 0
	for c := range 4 {
		listed += len(h.list(t, fmt.Sprintf("/c%d", c), "1")) - 1
	}
	if listed != clients*each {
		t.Errorf("%d folders listed, want %d", listed, clients*each)
	}
}
