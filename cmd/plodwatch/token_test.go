package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
)

var tokenForm = regexp.MustCompile(`plod_[a-z2-7]{8,}_[a-z2-7]{52}`)

// tokenList returns what `token list --json` prints.
func (p *person) tokenList() []tokenRow {
	p.t.Helper()
	return decodeLines[tokenRow](p.t, p.do(exitOK, "token", "list", "--json").stdout)
}

// TestEndToEndTokens: a token is printed once, works for whoever reads the
// file, is listed without its secret, and is gone when it is revoked; without
// the engine, and while another process holds the data directory.
func TestEndToEndTokens(t *testing.T) {
	p := newPerson(t)
	p.env = append(p.env, "PLODWATCH_LIBCHDB="+filepath.Join(t.TempDir(), "none")) // nothing here may need it
	if got := p.do(exitOK, "token", "list"); !strings.Contains(got.stdout, "no tokens") {
		t.Errorf("an empty list prints %q", got.stdout)
	}
	if _, err := os.Stat(p.data); err == nil {
		t.Error("listing made the data directory")
	}
	held, err := lockData(p.data)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	made := p.do(exitOK, "token", "add", "--athlete", "anna", "--note", "a phone")
	secret := strings.TrimSuffix(made.stdout, "\n")
	if tokenForm.FindString(secret) != secret || tokenForm.MatchString(made.stderr) {
		t.Fatalf("add prints %d bytes of another form, or says the token again", len(secret))
	}
	for _, says := range []string{"will not be shown again", "Authorization: Bearer $TOKEN", "/api/v3/uploads", "anna", "upload"} {
		if !strings.Contains(made.stderr, says) {
			t.Errorf("add says %q, want %q in it", made.stderr, says)
		}
	}
	file := tokens.Open(filepath.Join(p.data, "tokens.json"), time.Now)
	first, err := file.Check(secret)
	if err != nil || first.Athlete != "anna" || first.Role != tokens.RoleUpload || first.Note != "a phone" || !first.Expires.IsZero() {
		t.Errorf("the token is %+v, %v", first, err)
	}

	var second struct {
		tokenRow
		Token string `json:"token"`
	}
	quiet := p.do(exitOK, "token", "add", "--athlete", "bert", "--role", "read", "--expires", "90d", "--json")
	if err := json.Unmarshal([]byte(quiet.stdout), &second); err != nil || quiet.stderr != "" {
		t.Fatalf("add --json: %v, and says %q", err, quiet.stderr)
	}
	checked, err := file.Check(second.Token)
	if err != nil || checked.ID != second.ID || second.Athlete != "bert" || second.Role != tokens.RoleRead || second.Expired || second.Expires == nil {
		t.Errorf("the token is %+v, %v", checked, err)
	} else if left := second.Expires.Sub(second.Created); left != 90*24*time.Hour {
		t.Errorf("90 days became %v", left)
	}

	all := p.tokenList()
	text := p.do(exitOK, "token", "list").stdout
	if len(all) != 2 || all[0].ID != first.ID || all[0].Note != "a phone" || all[0].Expires != nil || all[1].ID != second.ID {
		t.Errorf("list gives %+v", all)
	}
	for _, want := range []string{first.ID, second.ID, "anna", "bert", "read", "a phone", "never"} {
		if !strings.Contains(text, want) {
			t.Errorf("list prints %q, want %q in it", text, want)
		}
	}
	if tokenForm.MatchString(text) || strings.Contains(text, secret[len(secret)-52:]) {
		t.Error("list prints a token")
	}
	if got := p.do(exitOK, "token", "revoke", first.ID); !strings.Contains(got.stdout, first.ID) {
		t.Errorf("revoke prints %q", got.stdout)
	}
	if _, err := file.Check(secret); err == nil {
		t.Error("a revoked token works")
	}
	// By the token itself, which is not repeated.
	if got := p.do(exitOK, "token", "revoke", second.Token); tokenForm.MatchString(got.stdout + got.stderr) {
		t.Error("revoke repeats the token")
	}
	if all := p.tokenList(); len(all) != 0 {
		t.Errorf("list after revoking gives %+v", all)
	}
}

// TestEndToEndTokensExpire: an expired token is still listed, and as such.
func TestEndToEndTokensExpire(t *testing.T) {
	p := newPerson(t).quiet()
	p.do(exitOK, "token", "add", "--athlete", "anna", "--expires", "1500ms", "--role", "admin")
	within(t, patience, func() string {
		if all := p.tokenList(); len(all) != 1 || !all[0].Expired {
			return "not expired yet"
		}
		return ""
	})
	if got := p.do(exitOK, "token", "list").stdout; !strings.Contains(got, "(expired)") {
		t.Errorf("list prints %q", got)
	}
}

// TestEndToEndTokenFile: --tokens and PLODWATCH_TOKENS name another file, and
// no data directory is made then.
func TestEndToEndTokenFile(t *testing.T) {
	p := newPerson(t)
	path := filepath.Join(t.TempDir(), "elsewhere", "t.json")
	p.do(exitOK, "token", "add", "--athlete", "anna", "--tokens", path)
	p.env = append(p.env, "PLODWATCH_TOKENS="+path)
	p.do(exitOK, "token", "add", "--athlete", "bert")
	if all := p.tokenList(); len(all) != 2 || all[1].Athlete != "bert" {
		t.Errorf("list gives %+v", all)
	}
	if _, err := os.Stat(p.data); err == nil {
		t.Error("the data directory was made")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"add", "--athlete", "anna"}, {"revoke", "aaaaaaaa"}} {
		if got := p.do(exitUsage, append([]string{"token"}, args...)...); !strings.Contains(got.stderr, "line 2") || got.stdout != "" {
			t.Errorf("%s with a damaged file prints %q and says %q", args, got.stdout, got.stderr)
		}
	}
}

func TestEndToEndTokenMistakes(t *testing.T) {
	p := newPerson(t).quiet()
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--athlete", []string{"add"}},
		{"only letters", []string{"add", "--athlete", "a b"}},
		{"--role", []string{"add", "--athlete", "a", "--role", "root"}},
		{"90d", []string{"add", "--athlete", "a", "--expires", "soon"}},
		{"90d", []string{"add", "--athlete", "a", "--expires=-1h"}},
		{"90d", []string{"add", "--athlete", "a", "--expires", "0d"}},
		{"90d", []string{"add", "--athlete", "a", "--expires", "9999999999d"}},
		{"over already", []string{"add", "--athlete", "a", "--expires", "2020-01-31"}},
		{"note", []string{"add", "--athlete", "a", "--note", "a\tb"}},
		{"no such token", []string{"revoke", "aaaaaaaa"}},
		{"no such token", []string{"revoke", "plod_"}},
	} {
		if got := p.do(exitUsage, append([]string{"token"}, c.args...)...); !strings.Contains(got.stderr, c.says) || got.stdout != "" {
			t.Errorf("%q: prints %q and says %q, want %q", c.args, got.stdout, got.stderr, c.says)
		}
	}
	if _, err := os.Stat(p.data); err == nil {
		t.Error("a mistake made the data directory")
	}
	// Who mistypes a token they hold does not find it in the terminal's log.
	secret := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "anna").stdout)
	p.do(exitOK, "token", "revoke", secret)
	if got := p.do(exitUsage, "token", "revoke", secret); strings.Contains(got.stderr, secret[len(secret)-52:]) {
		t.Error("a token is repeated in an error")
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 5, 17, 8, 30, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"":                          {},
		"90d":                       now.Add(90 * 24 * time.Hour),
		"720h":                      now.Add(720 * time.Hour),
		"1h30m":                     now.Add(90 * time.Minute),
		"2027-01-31":                time.Date(2027, 2, 1, 0, 0, 0, 0, time.Local),
		"2027-01-31T12:00:00+01:00": time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC),
	} {
		if got, err := expiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}
