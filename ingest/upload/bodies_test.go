package upload_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFileMayBeTheBody: every media type that uploaders name, and none. What
// is stored is what was sent, never unpacked.
func TestFileMayBeTheBody(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	head := bearer(token)
	for i, test := range []struct {
		kind string
		data []byte
	}{
		{"application/vnd.ant.fit", fitBytes(1, 5_000)},
		{"application/gpx+xml", gpxText(50)},
		{"application/vnd.garmin.tcx+xml", tcxText()},
		{"application/octet-stream", fitBytes(2, 5_000)},
		{"application/gzip", gzipped(t, fitBytes(3, 5_000))},
		{"application/x-gzip", gzipped(t, gpxText(3))},
		{"application/zip", []byte("PK\x05\x06" + strings.Repeat("\x00", 18))},
		{"application/json", []byte("[]")}, // names and types are not asked
		{"nonsense", fitBytes(4, 13)},
		{"", []byte{0}},
	} {
		t.Run(test.kind, func(t *testing.T) {
			a := h.post(uploads, test.data, append(head, "Content-Type", test.kind)...).want(t, http.StatusCreated)
			if u := a.upload(t); u.ID != numberOf("anna", test.data) || u.Athlete != "anna" {
				t.Errorf("upload %+v", u)
			}
			if !bytes.Equal(h.stored(schema.ExportIDOf(test.data)), test.data) {
				t.Error("what is stored is not what was sent")
			}
			if n := h.queue(); n != uint64(i+1) {
				t.Errorf("%d jobs wait, want %d", n, i+1)
			}
		})
	}
}

// TestPackingOnTheWayIsNotKept: chunks and Content-Encoding.
func TestPackingOnTheWayIsNotKept(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	chunked := func(data []byte) io.Reader { return io.MultiReader(bytes.NewReader(data)) } // of unknown length
	run, walk := fitBytes(1, 300_000), gpxText(5_000)
	kind, form := packed(t, []field{fileField(walk)})
	twice := append(gzipped(t, run[:1000]), gzipped(t, run[1000:])...)
	for _, test := range []struct {
		name   string
		body   io.Reader
		stored []byte
		head   []string
	}{
		{"chunks", chunked(run), run, nil},
		{"gzip", bytes.NewReader(gzipped(t, walk)), walk, []string{"Content-Encoding", "gzip"}},
		{"gzip in chunks", chunked(gzipped(t, run)), run, []string{"Content-Encoding", "GZIP"}},
		{"gzip in parts", bytes.NewReader(twice), run, []string{"Content-Encoding", "x-gzip"}},
		{"identity", bytes.NewReader(run), run, []string{"Content-Encoding", "identity"}},
		{"gzipped file", bytes.NewReader(gzipped(t, run)), gzipped(t, run), []string{"Content-Type", "application/gzip"}},
		{"form in gzip", chunked(gzipped(t, form)), walk, []string{"Content-Encoding", "gzip", "Content-Type", kind}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := h.request(http.MethodPost, uploads, test.body, append(head, test.head...)...)
			if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
				r.Header.Set("Content-Encoding", "gzip") // as described
			}
			a := h.do(r).want(t, http.StatusCreated)
			if u := a.upload(t); u.ID != numberOf("anna", test.stored) {
				t.Errorf("upload %d, want %d", u.ID, numberOf("anna", test.stored))
			}
			if !bytes.Equal(h.stored(schema.ExportIDOf(test.stored)), test.stored) {
				t.Error("what is stored is not what was sent")
			}
		})
	}
}

func TestBrokenPackingLeavesNothing(t *testing.T) {
	h := serve(t, nil)
	head := append(bearer(h.token("anna", tokens.RoleUpload)), "Content-Encoding", "gzip")
	good := gzipped(t, fitBytes(1, 30_000))
	wrong := bytes.Clone(good)
	wrong[len(wrong)-8] ^= 1 // of the checksum
	middle := bytes.Clone(good)
	for i := len(middle) / 2; i < len(middle)/2+20; i++ {
		middle[i] = 0xff
	}
	for name, data := range map[string][]byte{
		"empty": nil, "no gzip": fitBytes(1, 3_000), "head": good[:5], "cut": good[:len(good)-100], "without sum": good[:len(good)-8],
		"checksum": wrong, "damaged": middle, "garbage after it": append(bytes.Clone(good), "garbage"...),
	} {
		t.Run(name, func(t *testing.T) {
			h.post(uploads, data, head...).wantFault(t, http.StatusBadRequest, "file incomplete")
			if h.files() != 0 || h.queue() != 0 {
				t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
			}
		})
	}
	kind, form := packed(t, []field{fileField(fitBytes(1, 5_000))})
	packedForm := gzipped(t, form)
	packedForm[len(packedForm)-8] ^= 1
	h.post(uploads, packedForm, append(head, "Content-Type", kind)...).wantFault(t, http.StatusBadRequest, "file incomplete")
	if h.files() != 0 {
		t.Errorf("%d files stored", h.files())
	}
	head[len(head)-1] = "br"
	h.post(uploads, good, head...).wantFault(t, http.StatusUnsupportedMediaType, "content-encoding invalid")
}

func TestEmptyFileIsRefused(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	h.post(uploads, nil, head...).wantFault(t, http.StatusBadRequest, "file empty")
	h.post(uploads, gzipped(t, nil), append(head, "Content-Encoding", "gzip")...).wantFault(t, http.StatusBadRequest, "file empty")
	if h.files() != 0 || h.queue() != 0 {
		t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
	}
}

// TestNameOfTheFile is seen in what is said of a copy of a known session.
func TestNameOfTheFile(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	first := schema.ExportIDOf([]byte("first"))
	for i, test := range []struct{ name, query, disposition, want string }{
		{"query", "?filename=a.fit", "", "a.fit"},
		{"query before header", "?filename=a.fit", `attachment; filename="b.fit"`, "a.fit"},
		{"header", "", `attachment; filename="b c.fit"`, "b c.fit"},
		{"header in UTF-8", "", `attachment; filename*=UTF-8''L%C3%A4uf%20%31.fit`, "Läuf 1.fit"},
		{"path", "?filename=" + url.QueryEscape("../../etc/a.fit"), "", "a.fit"},
		{"path of windows", "", `attachment; filename="C:\\runs\\a.fit"`, "a.fit"},
		{"nothing but path", "?filename=/", "", "upload"},
		{"none", "", "", "upload"},
		{"broken header", "", `attachment; filename=`, "upload"},
		{"no UTF-8", "?filename=%ff.fit", "", "\uFFFD.fit"},
		{"long", "?filename=" + strings.Repeat("x", 300), "", strings.Repeat("x", 255)},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := fitBytes(uint32(i), 100)
			hd := head
			if test.disposition != "" {
				hd = append(hd[:len(hd):len(hd)], "Content-Disposition", test.disposition)
			}
			path := h.post(uploads+test.query, data, hd...).want(t, http.StatusCreated).header.Get("Location")
			h.ledger.put("anna", schema.ExportIDOf(data), known("anna", schema.ExportIDOf(data), first))
			u := h.get(path, head...).upload(t)
			if u.Error == nil || !strings.HasPrefix(*u.Error, test.want+" duplicate of activity ") {
				t.Errorf("error %v, want one of %q", *u.Error, test.want)
			}
		})
	}
}

func TestExternalIDOfABodyAlone(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	data := fitBytes(1, 100)
	for i, test := range []struct{ query, want string }{{"", ""}, {"?external_id=7", "7"}, {"?external_id=8", "7"}} {
		u := h.post(uploads+test.query, data, head...).want(t, http.StatusCreated).upload(t)
		if got := u.ExternalID; (got == nil) != (test.want == "") || got != nil && *got != test.want {
			t.Errorf("time %d: external id %v, want %q", i+1, got, test.want)
		}
	}
}

// small is a gate that takes 1 MiB of FIT and 2 MiB of anything else.
func small(h *house) { h.cfg.MaxFITBytes, h.cfg.MaxBytes = 1<<20, 2<<20 }

func TestTooLargeIsToldTheLimit(t *testing.T) {
	h := serve(t, small)
	head := bearer(h.token("anna", tokens.RoleUpload))
	fit, gpx := fitBytes(1, 1<<20+1), gpxText(0)
	gpx = append(gpx, bytes.Repeat([]byte(" "), 2<<20-len(gpx)+1)...)
	noise := make([]byte, 2<<20+1)
	rand.NewChaCha8([32]byte{}).Read(noise)
	chunked := func(data []byte) io.Reader { return io.MultiReader(bytes.NewReader(data)) }
	kind, form := packed(t, []field{fileField(fit)})
	kind2, form2 := packed(t, []field{fileField(gpx)})
	for _, test := range []struct {
		name, limit string
		body        io.Reader
		head        []string
	}{
		{"fit", "1 MiB", bytes.NewReader(fit), nil},
		{"gpx", "2 MiB", bytes.NewReader(gpx), nil},
		{"fit in chunks", "1 MiB", chunked(fit), nil},
		{"noise in chunks", "2 MiB", chunked(noise), nil},
		{"unpacked", "2 MiB", bytes.NewReader(gzipped(t, gpx)), []string{"Content-Encoding", "gzip"}},
		{"fit in a form", "1 MiB", bytes.NewReader(form), []string{"Content-Type", kind}},
		{"gpx in a form", "2 MiB", chunked(form2), []string{"Content-Type", kind2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := h.do(h.request(http.MethodPost, uploads, test.body, append(head, test.head...)...)).
				wantFault(t, http.StatusRequestEntityTooLarge, "file too_large")
			if !strings.Contains(a.body, "limit of "+test.limit) {
				t.Errorf("%s does not name the limit of %s", a.body, test.limit)
			}
			if h.files() != 0 || h.queue() != 0 {
				t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
			}
		})
	}
	for _, data := range [][]byte{fit[:1<<20], gpx[:2<<20]} {
		h.post(uploads, data, head...).want(t, http.StatusCreated)
		kind, form := packed(t, []field{{name: "name", value: "x"}, fileField(data), {name: "description", value: "y"}})
		h.post(uploads, form, append(head, "Content-Type", kind)...).want(t, http.StatusCreated)
	}
}

// TestRefusedClientCanReadTheAnswer although it is still sending: the
// connection is closed from our side, and not reset.
func TestRefusedClientCanReadTheAnswer(t *testing.T) {
	h := serve(t, small)
	head := "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
	for name, request := range map[string]string{
		"too large": head + h.token("anna", tokens.RoleUpload) + "\r\nContent-Length: 9000000\r\n\r\n",
		"unknown":   head + private + "\r\nContent-Length: 1000000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, request+string(fitBytes(1, 60_000))); err != nil {
				t.Fatal(err)
			}
			everything, err := io.ReadAll(conn)
			if err != nil || !bytes.Contains(everything, []byte(`"resource":"Upload"`)) {
				t.Errorf("%v after %q", err, everything)
			}
		})
	}
}

// TestNobodyFillsTheServerBeforeSigningIn: what comes before a form's token is
// bounded.
func TestNobodyFillsTheServerBeforeSigningIn(t *testing.T) {
	h := serve(t, nil)
	h.token("anna", tokens.RoleUpload)
	line := strings.Repeat("x", 1000) + "\r\n"
	for name, body := range map[string]string{
		"preamble": strings.Repeat(line, 600),
		"headers":  "--b\r\n" + strings.Repeat("X-Header: "+line, 600) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h.post(uploads, []byte(body), "Content-Type", "multipart/form-data; boundary=b").
				wantFault(t, http.StatusRequestEntityTooLarge, "form too_large")
		})
	}
}

// raw sends bytes over a connection of its own, ends it as finish says, and
// returns what came back.
func (h *house) raw(request string, finish func(*net.TCPConn) error) (answer, error) {
	h.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(h.t.Context(), "tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	if err := finish(conn.(*net.TCPConn)); err != nil {
		h.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: does not happen", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestCutOffBodyLeavesNothing: the connection ends in the middle of a body.
func TestCutOffBodyLeavesNothing(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	data := string(fitBytes(1, 20_000))
	kind, form := packed(t, []field{fileField([]byte(data)), {name: "name", value: "x"}})
	start := "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n"
	bodies := map[string]string{
		"length":        start + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(data), data[:15_000]),
		"last byte":     start + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(data), data[:19_999]),
		"chunk":         start + "Transfer-Encoding: chunked\r\n\r\n4000\r\n" + data[:0x3000],
		"no last chunk": start + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(data), data),
		"form":          start + fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, len(form), form[:10_000]),
		"form in chunks": start + fmt.Sprintf("Content-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s",
			kind, len(form), form[:len(form)-30]),
	}
	for i, name := range keys(bodies) {
		t.Run(name, func(t *testing.T) {
			a, err := h.raw(bodies[name], (*net.TCPConn).CloseWrite)
			if err != nil {
				t.Fatal(err)
			}
			a.wantFault(t, http.StatusBadRequest, "file incomplete")
			// The same, and nobody waits for the answer.
			if _, err := h.raw(bodies[name], (*net.TCPConn).Close); err == nil {
				t.Error("an answer on a closed connection")
			}
			waitFor(t, "end of both", func() bool {
				return h.metric("plodwatch_gate_requests_total", "strava_upload", "400") == float64(2*i+2)
			})
			if h.files() != 0 || h.queue() != 0 {
				t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
			}
		})
	}
	if n := h.metric("plodwatch_gate_requests_total"); n != float64(2*len(bodies)) {
		t.Errorf("%v requests, want %d", n, 2*len(bodies))
	}
}

// TestFormWithoutItsEndLeavesNothing cuts a form at every byte; the body is
// as long as it says.
func TestFormWithoutItsEndLeavesNothing(t *testing.T) {
	h := serve(t, func(h *house) { h.intake, h.cfg.Burst = &shelf{house: h}, 10_000 })
	head := bearer(h.token("anna", tokens.RoleUpload))
	data := fitBytes(1, 40)
	kind, form := packed(t, []field{{name: "name", value: "x"}, fileField(data), {name: "external_id", value: "7"}})
	whole := len(form) - len("\r\n") // what follows the end is nobody's
	for n := range whole {
		a := h.post(uploads, form[:n], append(head, "Content-Type", kind)...)
		if a.status != http.StatusBadRequest {
			t.Fatalf("%d of %d bytes: %d %s", n, len(form), a.status, a.body)
		}
	}
	if h.files() != 0 {
		t.Fatalf("%d files stored", h.files())
	}
	u := h.post(uploads, form[:whole], append(head, "Content-Type", kind)...).want(t, http.StatusCreated).upload(t)
	if u.ExternalID == nil || *u.ExternalID != "7" || !bytes.Equal(h.stored(schema.ExportIDOf(data)), data) {
		t.Errorf("the whole form gives %+v", u)
	}
}

func TestFaultyConfigurationIsNamed(t *testing.T) {
	_, err := upload.New(upload.Config{DefaultAthlete: "../me"}, upload.Deps{})
	for _, name := range []string{
		"max_fit_bytes", "max_bytes", "rate", "burst", "concurrency", "stall", "min_bytes_per_second", "retry_after",
		"default_athlete", "intake", "records", "tokens", "ready", "now", "metrics", "log",
	} {
		if err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
