package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// tokenCmd makes and revokes the tokens of those who upload. It only touches
// the token file, so that it works whoever holds the data directory.
type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token and print it, once."`
	List   tokenListCmd   `cmd:"" help:"List tokens; not the secrets, which are not kept." example:"plodwatch token list"`
	Revoke tokenRevokeCmd `cmd:"" help:"Take a token back, at once." example:"plodwatch token revoke 4kq2"`
}

// tokenFile returns the tokens: those of --tokens, else of tokens.json in the
// data directory.
func (g *globals) tokenFile() (*tokens.File, error) {
	path, err := g.tokenPath()
	if err != nil {
		return nil, err
	}
	return tokens.Open(path, time.Now), nil
}

// tokenPath returns where the tokens are.
func (g *globals) tokenPath() (string, error) {
	if g.Tokens != "" {
		return g.Tokens, nil
	}
	dir, err := g.dataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "tokens.json"), nil
}

type tokenAddCmd struct {
	Athlete string `help:"Whom the holder acts for." required:"" placeholder:"ID" complete:"athlete"`
	Role    string `help:"upload: upload, and see what became of it; read: only look; admin: everything, for every athlete." enum:"upload,read,admin" default:"upload"`
	Expires string `help:"How long it works (90d, 720h) or its last local day; default: for ever." placeholder:"TIME"`
	Note    string `help:"What it is for." placeholder:"TEXT"`
	JSON    bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *tokenAddCmd) Help() string {
	return `The token goes to standard output, what to do with it to standard error. Only its SHA-256
is kept: a token that is lost is replaced by a new one. A running plodwatch knows a new
token at once.

Examples:
  plodwatch token add --athlete anna --note "Anna's phone"
  plodwatch token add --athlete anna --role read --expires 90d
  TOKEN=$(plodwatch token add --athlete me --expires 2027-01-31)`
}

// tokenRow is a token in JSON. Times are RFC 3339 in UTC.
type tokenRow struct {
	ID      string           `json:"id"`
	Athlete schema.AthleteID `json:"athlete_id"`
	Role    tokens.Role      `json:"role"`
	Created time.Time        `json:"created"`
	Expires *time.Time       `json:"expires"` // null: never
	Expired bool             `json:"expired"`
	Note    string           `json:"note"`
}

func rowOf(t *tokens.Token, now time.Time) tokenRow {
	row := tokenRow{ID: t.ID, Athlete: t.Athlete, Role: t.Role, Created: t.Created, Expired: t.Expired(now), Note: t.Note}
	if !t.Expires.IsZero() {
		row.Expires = &t.Expires
	}
	return row
}

// Run makes the token and prints it.
func (c *tokenAddCmd) Run(a *app) error {
	now := time.Now()
	expires, err := expiry(c.Expires, now)
	if err != nil {
		return err
	}
	f, err := a.tokenFile()
	if err != nil {
		return err
	}
	t, secret, err := f.Add(tokens.New{
		Athlete: schema.AthleteID(c.Athlete), Role: tokens.Role(c.Role), Note: c.Note, Expires: expires,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(a.stdout, struct {
			tokenRow
			Token string `json:"token"`
		}{rowOf(&t, now), secret})
	} else {
		_, err = fmt.Fprintln(a.stdout, secret)
	}
	if err != nil { // nobody has seen it whole: it must not stay valid
		return errors.Join(fmt.Errorf("print the token: %w", err), f.Revoke(t.ID))
	}
	if c.JSON {
		return nil
	}
	fmt.Fprintf(a.stderr, "This is token %s of %s (%s, %s); it will not be shown again.\n", t.ID, t.Athlete, t.Role, until(t.Expires))
	fmt.Fprintf(a.stderr, "With it in $TOKEN, for example:\n  %s\n", usage(t.Role))
	return nil
}

// usage is a command for the holder of a token of this role.
func usage(r tokens.Role) string {
	const curl, uploads = `curl -H "Authorization: Bearer $TOKEN" `, "http://127.0.0.1:8020/api/v3/uploads"
	if r == tokens.RoleRead {
		return curl + uploads + "/ID"
	}
	return curl + "-F file=@run.fit " + uploads
}

// until says when a token ends, in local time.
func until(expires time.Time) string {
	if expires.IsZero() {
		return "without an end"
	}
	return "until " + minute(expires)
}

// expiry reads --expires: 90d and durations of Go count from now, a day counts
// whole, in the local time zone. "" is the zero time: never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(number, 10, 16); err == nil && days > 0 { // so few that they fit a Duration
			return now.Truncate(time.Second).Add(time.Duration(days) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("--expires %q: need a time from now such as 90d or 720h, or a day such as 2027-01-31", text)
}

type tokenListCmd struct {
	JSON bool `help:"Print one JSON object a token."`
}

// Run prints the tokens in the order they were made.
func (c *tokenListCmd) Run(a *app) error {
	f, err := a.tokenFile()
	if err != nil {
		return err
	}
	all, err := f.List()
	if err != nil {
		return err
	}
	now := time.Now()
	if c.JSON {
		for i := range all {
			if err := printJSON(a.stdout, rowOf(&all[i], now)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(a.stdout, "There are no tokens; plodwatch token add --athlete ID makes one.")
		return nil
	}
	t := newTable(a.stdout, "id", "athlete", "role", "created", "expires", "note")
	for i := range all {
		t.row(all[i].ID, string(all[i].Athlete), string(all[i].Role), minute(all[i].Created), ends(&all[i], now), all[i].Note)
	}
	return t.flush()
}

// ends says when a token ends, and whether it has.
func ends(t *tokens.Token, now time.Time) string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case t.Expired(now):
		return minute(t.Expires) + " (expired)"
	default:
		return minute(t.Expires)
	}
}

// minute writes a local time to the minute.
func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

type tokenRevokeCmd struct {
	ID string `arg:"" help:"The token's id, as token list shows it."`
}

// Run takes the token back.
func (c *tokenRevokeCmd) Run(a *app) error {
	f, err := a.tokenFile()
	if err != nil {
		return err
	}
	// Whoever found a token that leaked has only itself. It is not repeated,
	// not even in an error.
	id, whole := strings.CutPrefix(c.ID, "plod_")
	if whole {
		id, _, _ = strings.Cut(id, "_")
	}
	if err := f.Revoke(id); err != nil {
		if errors.Is(err, tokens.ErrUnknown) {
			return fmt.Errorf("%w; plodwatch token list shows the ids", err)
		}
		return err
	}
	fmt.Fprintf(a.stdout, "Token %s is revoked.\n", id)
	return nil
}
