package tokens_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

var start = time.Date(2026, 5, 17, 8, 30, 0, 0, time.UTC)

// clock is a clock that stands until it is set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// open returns the tokens of a new file, where it lies, and their clock.
func open(t testing.TB) (*tokens.File, string, *clock) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "tokens.json")
	c := &clock{t: start}
	return tokens.Open(path, c.now), path, c
}

func add(t testing.TB, f *tokens.File, n tokens.New) (tokens.Token, string) {
	t.Helper()
	token, secret, err := f.Add(n)
	if err != nil {
		t.Fatal(err)
	}
	return token, secret
}

func forAnna(role tokens.Role) tokens.New { return tokens.New{Athlete: "anna", Role: role} }

// wantRefused checks that a secret is refused for want, and that the token is empty.
func wantRefused(t testing.TB, f *tokens.File, secret string, want error) {
	t.Helper()
	got, err := f.Check(secret)
	if !errors.Is(err, want) || !errors.Is(err, tokens.ErrRefused) || got != (tokens.Token{}) {
		t.Errorf("check gives %+v, %v, want refusal because %v", got, err, want)
	}
}

func TestRolesMayWhatTheyMay(t *testing.T) {
	for _, c := range []struct {
		role                                       tokens.Role
		upload, uploadOwn, uploadOther, own, other bool
	}{
		{tokens.RoleUpload, true, true, false, true, false},
		{tokens.RoleRead, false, false, false, true, false},
		{tokens.RoleAdmin, true, true, true, true, true},
		{"", false, false, false, false, false},
		{"root", false, false, false, false, false},
	} {
		token := tokens.Token{Athlete: "anna", Role: c.role}
		got := []bool{token.MayUpload(), token.MayUploadFor("anna"), token.MayUploadFor("bert"), token.MayReadFor("anna"), token.MayReadFor("bert")}
		if want := []bool{c.upload, c.uploadOwn, c.uploadOther, c.own, c.other}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("role %q may %v, want %v", c.role, got, want)
		}
	}
	if (tokens.Token{}).MayReadFor("") || (tokens.Token{}).MayUploadFor("") {
		t.Error("the empty token may do something for the empty athlete")
	}
}

func TestAddedTokenIsKnown(t *testing.T) {
	f, path, c := open(t)
	if some, err := f.Any(); some || err != nil {
		t.Fatalf("any without a file: %v, %v", some, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("asking made the folder")
	}
	n := tokens.New{
		Athlete: "anna", Role: tokens.RoleRead, Note: "Annas Telefon <&> 📱",
		Expires: start.Add(90*24*time.Hour + 5*time.Nanosecond).In(time.FixedZone("", 3600)),
	}
	token, secret := add(t, f, n)
	want := tokens.Token{ID: token.ID, Athlete: "anna", Role: tokens.RoleRead, Note: n.Note, Created: start, Expires: n.Expires.UTC()}
	if token != want {
		t.Errorf("added %+v, want %+v", token, want)
	}
	if !regexp.MustCompile(`^plod_`+token.ID+`_[a-z2-7]{52}$`).MatchString(secret) || len(token.ID) < 8 {
		t.Errorf("id %q and a secret of another form", token.ID)
	}
	_, other := add(t, f, forAnna(tokens.RoleAdmin))
	for name, file := range map[string]*tokens.File{"same": f, "another": tokens.Open(path, c.now)} {
		if got, err := file.Check(secret); err != nil || got != want {
			t.Errorf("%s file: check gives %+v, %v, want %+v", name, got, err, want)
		}
		if got, err := file.Check(other); err != nil || got.Role != tokens.RoleAdmin || !got.Expires.IsZero() {
			t.Errorf("%s file: check of the other gives %+v, %v", name, got, err)
		}
		if list, err := file.List(); err != nil || len(list) != 2 || list[0] != want {
			t.Errorf("%s file: list gives %+v, %v", name, list, err)
		}
		if some, err := file.Any(); !some || err != nil {
			t.Errorf("%s file: any gives %v, %v", name, some, err)
		}
	}
}

func TestFileHoldsNoSecretAndIsPrivate(t *testing.T) {
	f, path, _ := open(t)
	var secrets []string
	for range 3 {
		_, secret := add(t, f, forAnna(tokens.RoleUpload))
		secrets = append(secrets, secret)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v, want %v", filepath.Base(name), info.Mode(), err, mode)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("%d files, want the tokens and the lock", len(entries))
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(string(data), s[strings.LastIndex(s, "_")+1:]) {
				t.Errorf("%s holds a secret", e.Name())
			}
		}
	}
}

func TestWhatIsNoTokenIsUnknown(t *testing.T) {
	f, _, _ := open(t)
	token, secret := add(t, f, forAnna(tokens.RoleUpload))
	random := secret[len(secret)-52:]
	other := map[bool]string{true: "b", false: "a"}[random[0] == 'a']
	for name, s := range map[string]string{
		"empty": "", "prefix": "plod_", "id alone": token.ID, "random alone": random,
		"wrong random":        "plod_" + token.ID + "_" + other + random[1:],
		"unknown id":          "plod_aaaaaaaa_" + random,
		"no prefix":           strings.TrimPrefix(secret, "plod_"),
		"cut":                 secret[:len(secret)-1],
		"longer":              secret + "a",
		"space around":        " " + secret,
		"line end":            secret + "\n",
		"upper case":          strings.ToUpper(secret),
		"random in capitals":  "plod_" + token.ID + "_" + strings.ToUpper(random),
		"other separator":     "plod_" + token.ID + "-" + random,
		"scheme before":       "Bearer " + secret,
		"very long":           secret + strings.Repeat("a", 1<<20),
		"zero bytes":          strings.Repeat("\x00", len(secret)),
		"not UTF-8":           "plod_" + token.ID + "_" + strings.Repeat("\xff", 52),
		"same id, other last": secret[:len(secret)-1] + map[bool]string{true: "q", false: "a"}[secret[len(secret)-1] == 'a'],
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, f, s, tokens.ErrUnknown) })
	}
	if _, err := f.Check(secret); err != nil {
		t.Errorf("the token itself: %v", err)
	}
}

// TestEveryCharacterCounts: no bit of a token is left out of the comparison,
// those of the last character that base32 would ignore included.
func TestEveryCharacterCounts(t *testing.T) {
	f, _, _ := open(t)
	_, secret := add(t, f, forAnna(tokens.RoleUpload))
	for i := range len(secret) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567_" {
			if changed := secret[:i] + string(c) + secret[i+1:]; changed != secret {
				wantRefused(t, f, changed, tokens.ErrUnknown)
			}
		}
	}
}

func TestTokensExpire(t *testing.T) {
	f, _, c := open(t)
	n := forAnna(tokens.RoleUpload)
	n.Expires = start.Add(time.Hour)
	token, secret := add(t, f, n)
	_, forever := add(t, f, forAnna(tokens.RoleUpload))
	c.forward(time.Hour - 1)
	if _, err := f.Check(secret); err != nil || token.Expired(c.now()) {
		t.Errorf("in the last moment: %v", err)
	}
	c.forward(1)
	wantRefused(t, f, secret, tokens.ErrExpired)
	if _, err := f.Check(secret); errors.Is(err, tokens.ErrUnknown) {
		t.Error("an expired token is unknown too")
	}
	wrong := secret[:len(secret)-52] + strings.Repeat("a", 52)
	wantRefused(t, f, wrong, tokens.ErrUnknown)
	if _, err := f.Check(wrong); errors.Is(err, tokens.ErrExpired) {
		t.Error("who does not hold the token learns that it has expired")
	}
	if !token.Expired(c.now()) {
		t.Error("the token does not say so")
	}
	c.forward(100 * 365 * 24 * time.Hour)
	if got, err := f.Check(forever); err != nil || got.Expired(c.now()) {
		t.Errorf("a token without an end: %v", err)
	}
	if err := f.Revoke(got(t, f, forever).ID); err != nil {
		t.Fatal(err)
	}
	if some, err := f.Any(); !some || err != nil {
		t.Errorf("any with an expired token: %v, %v, want true", some, err)
	}
}

func got(t *testing.T, f *tokens.File, secret string) tokens.Token {
	t.Helper()
	token, err := f.Check(secret)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRevokedAtOnce: a File that has just accepted a token refuses it in the
// next call after another revoked it, however fast, and however alike the two
// versions of the file are.
func TestRevokedAtOnce(t *testing.T) {
	service, path, c := open(t)
	command := tokens.Open(path, c.now)
	var before, last string
	for i := range 50 {
		token, secret := add(t, command, forAnna(tokens.RoleUpload))
		if _, err := service.Check(secret); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if before != "" {
			wantRefused(t, service, before, tokens.ErrUnknown)
		}
		if err := command.Revoke(token.ID); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, service, secret, tokens.ErrUnknown)
		before, last = secret, token.ID
	}
	if some, err := service.Any(); some || err != nil {
		t.Errorf("any after all were revoked: %v, %v", some, err)
	}
	for _, id := range []string{last, "", "nosuchid", before} {
		err := command.Revoke(id)
		if !errors.Is(err, tokens.ErrUnknown) || id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("revoke what is not there: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Open(filepath.Join(t.TempDir(), "a", "b"), c.now).Revoke("nosuchid"); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("revoke without a file: %v", err)
	}
}

func TestRemovedFileIsNoTokens(t *testing.T) {
	f, path, _ := open(t)
	_, secret := add(t, f, forAnna(tokens.RoleUpload))
	got(t, f, secret)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, f, secret, tokens.ErrUnknown)
	_, secret = add(t, f, forAnna(tokens.RoleUpload))
	got(t, f, secret)
}

func TestAddNamesAllFaults(t *testing.T) {
	f, path, _ := open(t)
	for _, c := range []struct {
		name string
		n    tokens.New
		says []string
	}{
		{"nothing", tokens.New{}, []string{"athlete", "role"}},
		{"all wrong", tokens.New{Athlete: "a b", Role: "root", Note: "a\nb", Expires: start}, []string{"athlete", "role", "note", "expires"}},
		{"long note", tokens.New{Athlete: "a", Role: tokens.RoleRead, Note: strings.Repeat("ä", 101)}, []string{"note of 202 bytes"}},
		{"note of no text", tokens.New{Athlete: "a", Role: tokens.RoleRead, Note: "\xff"}, []string{"UTF-8"}},
		{"over", tokens.New{Athlete: "a", Role: tokens.RoleRead, Expires: start.Add(-1)}, []string{"expires 2026-05-17"}},
		{"never", tokens.New{Athlete: "a", Role: tokens.RoleRead, Expires: start.AddDate(9000, 0, 0)}, []string{"before 10000"}},
	} {
		token, secret, err := f.Add(c.n)
		if err == nil || secret != "" || token != (tokens.Token{}) {
			t.Errorf("%s: added", c.name)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q in it", c.name, err, says)
			}
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused token made the file")
	}
}

func TestPrintedTokenHoldsNoSum(t *testing.T) {
	f, path, _ := open(t)
	token, secret := add(t, f, forAnna(tokens.RoleUpload))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := regexp.MustCompile(`[0-9a-f]{64}`).FindString(string(data))
	if sum == "" {
		t.Fatal("no sum in the file")
	}
	printed := fmt.Sprintf("%v %+v %#v", token, token, token)
	if strings.Contains(printed, sum) || strings.Contains(printed, secret[len(secret)-52:]) {
		t.Error("a printed token gives its secret or sum away")
	}
}

// TestWritersLoseNothing: Files that add and revoke at the same time, while
// others check, lose no token and never see a broken file.
func TestWritersLoseNothing(t *testing.T) {
	f, path, c := open(t)
	_, first := add(t, f, forAnna(tokens.RoleUpload))
	const writers, each = 6, 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := map[string]schema.AthleteID{}
	for w := range writers {
		wg.Go(func() {
			own := tokens.Open(path, c.now)
			for i := range each {
				n := tokens.New{Athlete: schema.AthleteID(fmt.Sprintf("a%d-%d", w, i)), Role: tokens.RoleUpload}
				_, secret, err := own.Add(n)
				gone, _, err2 := own.Add(n)
				if err := errors.Join(err, err2, own.Revoke(gone.ID)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				kept[secret] = n.Athlete
				mu.Unlock()
				if _, err := f.Check(first); err != nil {
					t.Errorf("check in the meantime: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if list, err := f.List(); err != nil || len(list) != writers*each+1 || len(kept) != writers*each {
		t.Errorf("%d tokens of %d, %v", len(list), writers*each+1, err)
	}
	for secret, athlete := range kept {
		if token, err := f.Check(secret); err != nil || token.Athlete != athlete {
			t.Errorf("token of %s: %+v, %v", athlete, token, err)
		}
	}
}

func TestAllTokensOfAnAthleteAreRevoked(t *testing.T) {
	f := tokens.Open(filepath.Join(t.TempDir(), "tokens.json"), time.Now)
	if n, err := f.RevokeAll("anna"); n != 0 || err != nil {
		t.Errorf("RevokeAll without a file = %d, %v", n, err)
	}
	secrets := map[string]schema.AthleteID{}
	for _, athlete := range []schema.AthleteID{"anna", "bert", "anna"} {
		_, secret, err := f.Add(tokens.New{Athlete: athlete, Role: tokens.RoleUpload})
		if err != nil {
			t.Fatal(err)
		}
		secrets[secret] = athlete
	}
	if n, err := f.RevokeAll("anna"); n != 2 || err != nil {
		t.Errorf("RevokeAll = %d, %v, want 2", n, err)
	}
	for secret, athlete := range secrets {
		if _, err := f.Check(secret); errors.Is(err, tokens.ErrUnknown) != (athlete == "anna") {
			t.Errorf("a token of %s: %v", athlete, err)
		}
	}
}

// TestFindKnowsWhatCheckKnows: by its id a token is found while it works, and
// no longer.
func TestFindKnowsWhatCheckKnows(t *testing.T) {
	f, path, c := open(t)
	token, _ := add(t, f, tokens.New{Athlete: "anna", Role: tokens.RoleRead, Expires: start.Add(time.Hour)})
	other, _ := add(t, f, forAnna(tokens.RoleUpload))
	if found, err := f.Find(token.ID); err != nil || found != token {
		t.Errorf("found %+v, %v", found, err)
	}
	c.t = start.Add(time.Hour)
	if _, err := f.Find(token.ID); !errors.Is(err, tokens.ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	if err := tokens.Open(path, c.now).Revoke(other.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{other.ID, "", "nosuchid"} {
		if _, err := f.Find(id); !errors.Is(err, tokens.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
