package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// pushes pushes files and returns what `push --json` says of each.
func (p *person) pushes(exit int, args ...string) []pushed {
	p.t.Helper()
	return decodeLines[pushed](p.t, p.do(exit, append([]string{"push", "--json"}, args...)...).stdout)
}

// wantReceipts wants a receipt for each file.
func wantReceipts(t *testing.T, got []pushed, athlete schema.AthleteID, duplicate bool, paths ...string) {
	t.Helper()
	if len(got) != len(paths) {
		t.Fatalf("%d receipts for %d files", len(got), len(paths))
	}
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		export := schema.ExportIDOf(data)
		id := schema.JobIDOf(athlete, export).UploadID()
		f := got[i]
		if f.File != path || f.UploadID == nil || *f.UploadID != id || *f.IDStr != strconv.FormatInt(id, 10) ||
			*f.ExportID != export.String() || f.Duplicate != duplicate || f.Error != "" {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

// sessionsAre waits until there are so many sessions of an athlete.
func (p *person) sessionsAre(athlete string, want int64) {
	p.t.Helper()
	q := p.quiet()
	within(p.t, patience, func() string {
		type counted struct {
			N int64 `json:"n"`
		}
		got := rows[counted](q, "SELECT count() AS n FROM sessions WHERE athlete_id = '"+athlete+"'")
		if len(got) != 1 || got[0].N != want {
			return fmt.Sprintf("%+v sessions, want %d", got, want)
		}
		return ""
	})
}

// TestPushToWhoHoldsTheData: without NATS of others, the daemon's receipts.
func TestPushToWhoHoldsTheData(t *testing.T) {
	t.Parallel()
	runs := corpus(t)
	p := newPerson(t)
	d := p.up()
	one, two := runs[0].path, runs[1].path
	wantReceipts(t, p.pushes(exitOK, "--athlete", "anna", one, two), "anna", false, one, two)
	p.sessionsAre("anna", 2)
	wantReceipts(t, p.pushes(exitOK, "--athlete", "anna", one), "anna", true, one)

	folder, none := filepath.Dir(one), filepath.Join(t.TempDir(), "none.fit")
	got := p.pushes(exitRejected, folder, none, two)
	wantReceipts(t, got[2:], "me", false, two)
	if !strings.Contains(got[0].Error, "import") || got[0].UploadID != nil || !strings.Contains(got[1].Error, "no such file") {
		t.Errorf("a folder: %+v\nno file: %+v", got[0], got[1])
	}
	table := p.do(exitRejected, "push", folder, two)
	if !strings.Contains(table.stdout, "duplicate") || !strings.Contains(table.stdout, "plodwatch import takes folders") {
		t.Errorf("table:\n%s", table.stdout)
	}
	p.sessionsAre("me", 1)
	d.stop(os.Interrupt)
}

// TestPushByNATS: the inbox behind a NATS server of others.
func TestPushByNATS(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	runs := corpus(t)
	one, two := runs[0].path, runs[1].path
	url := natsServer(t)
	sender, p := newPerson(t), newPerson(t)
	sender.flags, p.flags = []string{"--nats", url}, []string{"--nats", url}

	early := sender.do(exitUsage, "push", "--timeout", "300ms", one)
	if !strings.Contains(early.stdout, "no plodwatch listens") || !strings.Contains(early.stderr, "push them again later") {
		t.Errorf("nobody listens: %s%s", early.stdout, early.stderr)
	}
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stranger, err := conn.Subscribe(streams.InboxSubject("bert"), func(msg *nats.Msg) { _ = msg.Respond([]byte("{}")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]string{{"push"}, {"push", "--json"}} {
		got := sender.do(exitRejected, append(form, "--athlete", "bert", one)...)
		if !strings.Contains(got.stdout, "no receipt for this file") {
			t.Errorf("a stranger answers: %s%s", got.stdout, got.stderr)
		}
	}
	if err := stranger.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	d := p.up()
	wantReceipts(t, sender.pushes(exitOK, "--athlete", "anna", one, two), "anna", false, one, two)
	if _, err := os.Stat(sender.data); err == nil {
		t.Error("the sender has a data directory")
	}
	p.sessionsAre("anna", 2)

	large := filepath.Join(t.TempDir(), "large.fit")
	if err := os.WriteFile(large, make([]byte, 1<<20+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := sender.pushes(exitRejected, large); !strings.Contains(got[0].Error, "over HTTP") {
		t.Errorf("too large: %+v", got)
	}
	data, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := conn.Request(streams.InboxSubject("anna"), data, patience)
	if err != nil || !strings.Contains(string(msg.Data), `"duplicate":true`) {
		t.Errorf("any client: %v %+v", err, msg)
	}
	d.stop(os.Interrupt)
}

// TestHookDownloads: a signed message ends in a session.
func TestHookDownloads(t *testing.T) {
	t.Parallel()
	runs := corpus(t)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(runs[0].path))))
	defer server.Close()
	p := newPerson(t)
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("# test\n"+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.do(exitUsage, "up", "--check-config", "--hook-allow", "example.com"); !strings.Contains(got.stderr, "need both") {
		t.Errorf("half a hook: %s", got.stderr)
	}
	d := p.up("--hook-secret-file", secrets, "--hook-allow", "127.0.0.1,files.example.com", "--hook-allow-http", "--hook-allow-private",
		"--hook-athlete", "g/1=anna,g/2=bob", "--log-level", "debug")
	post := func(key, url string) int {
		t.Helper()
		body, err := json.Marshal(map[string]any{"activityFiles": []any{map[string]string{
			"userId": "g/1", "userAccessToken": "uat-geheim", "fileType": "FIT", "callbackURL": url,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		signer, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		signature, err := signer.Sign("msg "+url, now, body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+pull.Path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("webhook-id", "msg "+url)
		req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		req.Header.Set("webhook-signature", signature)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	url := server.URL + "/" + filepath.Base(runs[0].path) + "?token=geheim"
	if got := post("whsec_"+strings.Repeat("A", 32), url); got != http.StatusUnauthorized {
		t.Errorf("wrong secret: %d", got)
	}
	if got := post(secret, "https://evil.example/1"); got != http.StatusUnprocessableEntity {
		t.Errorf("wrong host: %d", got)
	}
	if got := post(secret, url); got != http.StatusOK {
		t.Fatalf("right: %d\n%s", got, d.stderr)
	}
	p.sessionsAre("anna", 1)
	if got := d.metric(`plodwatch_pull_downloads_total{result="taken"}`); got != 1 {
		t.Errorf("%v downloads counted", got)
	}
	d.stop(os.Interrupt)
	if text := d.stderr.String(); strings.Contains(text, "geheim") || strings.Contains(text, "MfKQ") {
		t.Errorf("the log holds a secret:\n%s", text)
	}
}
