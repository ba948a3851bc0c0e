package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// doctorCmd looks for what is wrong with a set-up.
type doctorCmd struct {
	Part    string        `help:"Whose needs are looked at: up, gate, ingest or analyze." enum:"up,gate,ingest,analyze" default:"up"`
	Listen  []string      `help:"Addresses that are to be listened on." default:"127.0.0.1:8020" placeholder:"HOST:PORT"`
	Folder  string        `help:"The folder that is to be watched." placeholder:"DIR" type:"path"`
	After   string        `help:"What is to happen to its files: keep, move or delete." enum:"keep,move,delete" default:"keep"`
	Timeout time.Duration `help:"How long NATS and ClickHouse may take to answer." default:"10s"`
	JSON    bool          `help:"Print one JSON object a finding."`
}

// Help says more than fits a line.
func (c *doctorCmd) Help() string {
	return `Give it the flags, settings file and environment of the plodwatch that does not work. Each
line is ok, warn or fail, with what is wrong and what to do. The data are not changed; the
engines' data are opened to see whether they can be, unless a running plodwatch holds them.
A NATS server gets one message that nobody reads.

Exit codes: 0 nothing fails, 1 a check fails, or usage.

Examples:
  plodwatch doctor
  plodwatch doctor --folder ~/watch --after move
  plodwatch doctor --part ingest --nats nats://10.0.0.5:4222 --blobs nats --listen 127.0.0.1:8021`
}

// verdict is how a finding is meant.
type verdict string

const (
	soundVerdict  verdict = "ok"
	doubtVerdict  verdict = "warn" // works, and may soon not, or not as meant
	brokenVerdict verdict = "fail"
)

// finding is one line of the doctor's.
type finding struct {
	Verdict verdict `json:"verdict"`
	Check   string  `json:"check"`
	Says    string  `json:"says"`
	Do      string  `json:"do,omitempty"` // what mends it
}

// doctor collects findings.
type doctor struct {
	*doctorCmd

	app    *app
	dir    string // of the data
	now    time.Time
	all    []finding
	holder *holderStatus // of the data directory, nil when nobody answers
	held   bool          // somebody holds the data directory
	engine bool          // the library can be loaded
}

// Run makes every check and prints what they found.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	d := &doctor{doctorCmd: c, app: a, dir: dir, now: time.Now()}
	d.checkEngine()
	if d.checkData() {
		d.checkHolder(ctx)
		d.checkStores()
	}
	d.checkDisk()
	d.checkClock()
	for _, addr := range c.Listen {
		d.checkPort(ctx, addr)
	}
	d.checkTokens()
	d.checkFolder()
	d.checkNATS(ctx)
	d.checkTables(ctx)
	return d.print()
}

// print prints the findings and returns an error when any is a failure.
func (d *doctor) print() error {
	failed := 0
	for _, f := range d.all {
		if f.Verdict == brokenVerdict {
			failed++
		}
		if !d.JSON {
			continue
		}
		if err := printJSON(d.app.stdout, f); err != nil {
			return err
		}
	}
	if !d.JSON {
		t, coloured := newTable(d.app.stdout, "", "check", "finding"), d.app.colours()
		for _, f := range d.all {
			says := f.Says
			if f.Do != "" {
				says += "; " + f.Do
			}
			t.row(string(f.Verdict), f.Check, says)
			if coloured {
				t.first(f.Verdict.colour(), string(f.Verdict))
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(d.all))
	}
	return nil
}

func (d *doctor) add(v verdict, check, says, do string) {
	// One line each, whatever an error's text holds.
	d.all = append(d.all, finding{Verdict: v, Check: check, Says: strings.Join(strings.Fields(says), " "), Do: do})
}

func (d *doctor) sound(check, says string)      { d.add(soundVerdict, check, says, "") }
func (d *doctor) doubt(check, says, do string)  { d.add(doubtVerdict, check, says, do) }
func (d *doctor) broken(check, says, do string) { d.add(brokenVerdict, check, says, do) }

// embeddedTables reports whether the part keeps the tables in its own process.
func (d *doctor) embeddedTables() bool { return d.app.ClickHouse == "" && d.Part == "up" }

// checkClock compares the clock with what must have been before.
func (d *doctor) checkClock() {
	const sane, insane = 2026, 2100
	says := "it is " + d.now.UTC().Format("2006-01-02 15:04 UTC")
	if y := d.now.UTC().Year(); y < sane || y > insane {
		d.broken("clock", says, "set this machine's clock (NTP): sessions are dated by it when a watch had none, and versions of rows grow with it")
		return
	}
	if made, ok := builtAt(); ok && d.now.Before(made) {
		d.broken("clock", says+", which is before this program's source was written", "set this machine's clock (NTP)")
		return
	}
	d.sound("clock", says)
}

// checkTokens reads the token file.
func (d *doctor) checkTokens() {
	file, err := d.app.tokenFile()
	if err != nil {
		d.broken("tokens", err.Error(), "set --tokens")
		return
	}
	all, err := file.List()
	if errors.Is(err, syscall.ENOTDIR) && d.app.Tokens == "" {
		return // the data directory is none: said already
	}
	if err != nil {
		d.broken("tokens", err.Error(), "mend or remove the file, or name another with --tokens")
		return
	}
	expired := 0
	for i := range all {
		if all[i].Expired(d.now) {
			expired++
		}
	}
	switch {
	case len(all) == 0:
		d.sound("tokens", "none: only this machine is served (plodwatch token add)")
	case expired == len(all):
		d.doubt("tokens", fmt.Sprintf("all %d have expired", expired), "make a new one: plodwatch token add --athlete ID")
	default:
		d.sound("tokens", fmt.Sprintf("%d, of which %d have expired", len(all), expired))
	}
}

// checkFolder looks at the watched folder, if there is one.
func (d *doctor) checkFolder() {
	if d.Folder == "" {
		return
	}
	entries, err := os.ReadDir(d.Folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.broken("folder", d.Folder+" does not exist", "make it, or name another with --folder")
	case err != nil:
		d.broken("folder", err.Error(), "let the user plodwatch runs as read it")
	case !mayWrite(d.Folder) && d.After != "keep":
		d.broken("folder", fmt.Sprintf("%s is read-only, and files are to leave it (--after %s)", d.Folder, d.After), "let the user plodwatch runs as write there, or give --after keep")
	default:
		d.sound("folder", fmt.Sprintf("%s is there, with %d entries", d.Folder, len(entries)))
	}
}
