package upload

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/webdav"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// The WebDAV door. Each athlete has a tree of listings at /dav/, which is what
// programs that copy folders want to see: names, sizes and times of what they
// have put. A file that is put goes the way of every upload, and is in the
// listing once it is taken; it cannot be fetched back.
//
// The listing is only kept in memory and lists the latest 10,000 files and
// folders. What is forgotten there, also by a restart, is put again by such
// programs, and the same bytes are the same upload. DELETE and MOVE change the
// listing and never what was taken.
const davPrefix = "/dav"

// Limits of the door.
const (
	davEntries  = 10_000 // files and folders in a tree
	davDepth    = 64     // elements of a path
	davName     = 255    // bytes of an element
	davLocks    = 256    // that clients hold at the same time in a tree
	davLockTime = 10 * time.Minute
	davXML      = 8 << 10 // bytes of a body that is not a file
)

// WebDAV's own methods.
const (
	methodPropfind  = "PROPFIND"
	methodProppatch = "PROPPATCH"
	methodMkcol     = "MKCOL"
	methodCopy      = "COPY"
	methodMove      = "MOVE"
	methodLock      = "LOCK"
	methodUnlock    = "UNLOCK"
)

// davAllow lists the methods that the door knows, COPY excepted.
const davAllow = "OPTIONS, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, MOVE, LOCK, UNLOCK"

// Tidy makes paths such as http.ServeMux takes them for what they are: it would
// answer a PUT to /dav//run.fit or a POST to //api/v3/uploads with a redirect,
// which clients do not follow. The Gate does this itself; a mux in which it is
// mounted needs Tidy around it.
func Tidy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean, ok := davPath(r.URL.Path)
		if !ok && r.URL.RawPath == "" {
			clean, ok = apiPath(r.URL.Path)
		}
		if ok {
			u := *r.URL
			u.Path, u.RawPath = clean, ""
			r = r.WithContext(r.Context())
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// apiPath returns a path below /api without empty elements and a slash at its
// end: people write addresses of servers with one. Other paths are not ok.
func apiPath(p string) (clean string, ok bool) {
	elements := strings.FieldsFunc(p, func(c rune) bool { return c == '/' })
	if len(elements) < 2 || elements[0] != "api" {
		return "", false
	}
	return "/" + strings.Join(elements, "/"), true
}

// davPath returns a path at or below /dav without empty elements, dots and a
// slash at its end; the top is /dav/. Other paths are not ok.
func davPath(p string) (clean string, ok bool) {
	rest, ok := strings.CutPrefix("/"+strings.TrimLeft(p, "/"), davPrefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return davPrefix + path.Clean("/"+rest), true
}

// checkDAVPath refuses paths that no listing should hold.
func checkDAVPath(p string) error {
	if len(p) > maxText {
		return refuse(http.StatusRequestURITooLong, "path", "too_long", "the path is longer than 4 KiB")
	}
	if !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl) {
		return refuse(http.StatusBadRequest, "path", "invalid", "the path must be UTF-8 without control characters")
	}
	elements := strings.Split(strings.Trim(p, "/"), "/")
	if len(elements) > davDepth {
		return refuse(http.StatusRequestURITooLong, "path", "too_long", "the path has more than "+strconv.Itoa(davDepth)+" elements")
	}
	for _, e := range elements {
		if len(e) > davName {
			return refuse(http.StatusRequestURITooLong, "path", "too_long", "a name in the path is longer than 255 bytes")
		}
	}
	return nil
}

// davDoor holds the athletes' trees.
type davDoor struct {
	gate *Gate

	mu    sync.Mutex
	trees map[schema.AthleteID]*webdav.Handler
}

func newDAVDoor(g *Gate) *davDoor {
	return &davDoor{gate: g, trees: make(map[schema.AthleteID]*webdav.Handler)}
}

// treeOf returns the tree of the caller's own athlete.
func (d *davDoor) treeOf(c caller) (*webdav.Handler, schema.AthleteID, error) {
	athlete, err := d.gate.athleteOr(c, "")
	if err != nil {
		return nil, "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.trees[athlete]
	if h == nil {
		h = &webdav.Handler{
			Prefix: davPrefix, FileSystem: newDAVTree(davEntries, d.gate.deps.Now),
			LockSystem: &boundedLocks{LockSystem: webdav.NewMemLS(), until: make(map[string]time.Time)},
		}
		d.trees[athlete] = h
	}
	return h, athlete, nil
}

// put takes a file.
func (d *davDoor) put(w http.ResponseWriter, r *http.Request, c caller) error {
	if !c.known() {
		return errNoToken()
	}
	h, athlete, err := d.treeOf(c)
	if err != nil {
		return err
	}
	if err := checkDAVPath(r.URL.Path); err != nil {
		return err
	}
	if r.Header.Get("Content-Range") != "" || r.Header.Get("OC-Chunked") != "" {
		return refuse(http.StatusBadRequest, "file", "partial", "a file must come whole")
	}
	if r.ContentLength > d.gate.cfg.MaxBytes && r.Header.Get("Content-Encoding") == "" {
		return &tooLargeError{limit: d.gate.cfg.MaxBytes}
	}
	put := &davPut{gate: d.gate, athlete: athlete, request: r}
	held := &heldAnswer{header: w.Header(), status: http.StatusOK}
	h.ServeHTTP(held, r.WithContext(context.WithValue(r.Context(), davPutKey{}, put)))
	if put.err != nil {
		return put.err
	}
	if put.receipt != nil {
		announce(w, put.receipt)
		w.Header().Del("Location") // would say that the file is there, and not where it was put
	}
	w.WriteHeader(held.status)
	_, _ = io.WriteString(w, http.StatusText(held.status)) // the other side is gone: nobody to tell
	return nil
}

// heldAnswer keeps what golang.org/x/net/webdav answers to a PUT. It knows only
// that something failed; the davPut knows what.
type heldAnswer struct {
	header http.Header
	status int
}

// Header returns the header of the answer.
func (a *heldAnswer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *heldAnswer) WriteHeader(status int) { a.status = status }

// Write drops a body, which is no more than the status in words.
func (a *heldAnswer) Write(p []byte) (int, error) { return len(p), nil }

// other serves every method but PUT.
func (d *davDoor) other(w http.ResponseWriter, r *http.Request, c caller) error {
	h, athlete, err := d.treeOf(c)
	if err != nil {
		return err
	}
	if !c.mayReadFor(athlete) {
		return refuse(http.StatusForbidden, "access_token", "forbidden", "the token may not look")
	}
	if err := checkDAVPath(r.URL.Path); err != nil {
		return err
	}
	r = r.Clone(r.Context())
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", davAllow)
		w.Header().Set("DAV", "1, 2")
		w.Header().Set("MS-Author-Via", "DAV")
		return nil
	case http.MethodGet, http.MethodHead:
		return head(w, r, h.FileSystem, athlete)
	case methodPropfind:
		err = limitDepth(r)
	case methodLock, methodUnlock, methodMkcol, methodMove, methodProppatch, http.MethodDelete:
		err = d.prepareChange(r, c, h.FileSystem)
	case methodCopy:
		return refuse(http.StatusForbidden, "path", "forbidden", "files cannot be copied here; put them once")
	default:
		w.Header().Set("Allow", davAllow)
		return refuse(http.StatusMethodNotAllowed, "method", "invalid", "the methods are "+davAllow)
	}
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, davXML)
	h.ServeHTTP(w, r)
	return nil
}

// limitDepth has a PROPFIND list one level when it does not say how many, and
// refuses one of everything, as RFC 4918 (9.1) allows.
func limitDepth(r *http.Request) error {
	switch r.Header.Get("Depth") {
	case "":
		r.Header.Set("Depth", "1")
	case "0", "1":
	default:
		return refuse(http.StatusForbidden, "depth", "propfind-finite-depth", "Depth must be 0 or 1")
	}
	return nil
}

// prepareChange checks a request that changes the listing or its locks, and
// mends what golang.org/x/net/webdav would take differently than it is meant.
func (d *davDoor) prepareChange(r *http.Request, c caller, fs webdav.FileSystem) error {
	if !c.local && !c.token.MayUpload() {
		return refuse(http.StatusForbidden, "access_token", "forbidden", "the token may not upload")
	}
	switch r.Method {
	case methodLock:
		r.Header.Set("Timeout", "Second-"+strconv.Itoa(lockSeconds(r.Header.Get("Timeout"))))
	case methodMove:
		return prepareMove(r, fs)
	}
	return nil
}

// prepareMove makes a MOVE's destination a path that is like the source's. The
// host in it is not looked at: proxies change the one of the request.
func prepareMove(r *http.Request, fs webdav.FileSystem) error {
	u, err := url.Parse(r.Header.Get("Destination"))
	if err != nil || u.Path == "" {
		return refuse(http.StatusBadRequest, "destination", "invalid", "Destination must be an address")
	}
	to, ok := davPath(u.Path)
	if !ok {
		return refuse(http.StatusBadGateway, "destination", "invalid", "Destination must be at "+davPrefix+"/")
	}
	if err := checkDAVPath(to); err != nil {
		return err
	}
	from := r.URL.Path
	info, err := fs.Stat(r.Context(), strings.TrimPrefix(from, davPrefix))
	if err != nil {
		return errNoEntry()
	}
	if below(to, from) || below(from, to) {
		return refuse(http.StatusForbidden, "destination", "invalid", "nothing can be moved into itself or onto what holds it")
	}
	if e, ok := info.(davInfo); ok && e.content == davDropped && !ingest.IsLitter(path.Base(to)) {
		return refuse(http.StatusForbidden, "destination", "invalid", "what came under this name was not kept; put it under its own")
	}
	r.Header.Set("Destination", (&url.URL{Path: to}).EscapedPath())
	if r.Header.Get("Overwrite") == "" {
		r.Header.Set("Overwrite", "T") // RFC 4918, 10.6
	}
	return nil
}

// below reports whether a path is the other or in it.
func below(p, other string) bool {
	return strings.HasPrefix(strings.TrimSuffix(p, "/")+"/", strings.TrimSuffix(other, "/")+"/")
}

func errNoEntry() error {
	return refuse(http.StatusNotFound, "path", "not found", "there is nothing at this path")
}

// head answers HEAD and GET. There is nothing to get.
func head(w http.ResponseWriter, r *http.Request, fs webdav.FileSystem, athlete schema.AthleteID) error {
	info, err := fs.Stat(r.Context(), strings.TrimPrefix(r.URL.Path, davPrefix))
	if err != nil {
		return errNoEntry()
	}
	if r.Method == http.MethodGet {
		return refuse(http.StatusForbidden, "path", "forbidden", "files cannot be fetched here")
	}
	w.Header().Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
	if info.IsDir() {
		return nil
	}
	w.Header().Set("Content-Type", davContentType)
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	if e, ok := info.(davInfo); ok && e.content == davTaken {
		w.Header().Set("ETag", e.tag())
		w.Header().Set(uploadHeader, strconv.FormatInt(schema.JobIDOf(athlete, e.export).UploadID(), 10))
	}
	return nil
}

// lockSeconds returns for how long a lock is given to a client that wishes so.
func lockSeconds(timeout string) int {
	const most = int(davLockTime / time.Second)
	first, _, _ := strings.Cut(timeout, ",")
	text, ok := strings.CutPrefix(strings.TrimSpace(first), "Second-")
	if n, err := strconv.Atoi(text); ok && err == nil && n > 0 {
		return min(n, most)
	}
	return most
}

// boundedLocks is a LockSystem with a bound on how many locks clients hold.
type boundedLocks struct {
	webdav.LockSystem

	mu    sync.Mutex
	until map[string]time.Time // by token, of clients' locks
}

// Create creates a lock. Those without an end are held for the time of a
// request and not counted.
func (l *boundedLocks) Create(now time.Time, details webdav.LockDetails) (string, error) {
	if details.Duration < 0 {
		return l.LockSystem.Create(now, details)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, until := range l.until {
		if until.Before(now) {
			delete(l.until, token)
		}
	}
	if len(l.until) >= davLocks {
		return "", webdav.ErrLocked
	}
	token, err := l.LockSystem.Create(now, details)
	if err == nil {
		l.until[token] = now.Add(details.Duration)
	}
	return token, err
}

// Refresh gives a lock more time.
func (l *boundedLocks) Refresh(now time.Time, token string, duration time.Duration) (webdav.LockDetails, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	details, err := l.LockSystem.Refresh(now, token, duration)
	if err == nil {
		l.until[token] = now.Add(duration)
	}
	return details, err
}

// Unlock ends a lock.
func (l *boundedLocks) Unlock(now time.Time, token string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.LockSystem.Unlock(now, token)
	if err == nil {
		delete(l.until, token)
	}
	return err
}
