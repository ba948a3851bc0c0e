package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	tabs "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab of Chromium. What goes wrong in it is written down: errors on
// the console, violations of the content security policy, dialogs.
type tab struct {
	t   *testing.T
	ctx context.Context
	at  string // the page's address

	heard *heard
}

// heard is what has gone wrong.
type heard struct {
	mu     sync.Mutex
	faults []string
}

// newTab starts a browser with a profile of its own, or skips the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("the page is tested in Chromium, which is not installed: make browser installs it (as root, on Debian)")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.WindowSize(1280, 900),
	}
	for _, flag := range []string{
		"disable-background-networking", "disable-quic", "disable-component-update", "disable-sync", "hide-scrollbars",
		"disable-dev-shm-usage", "disable-default-apps", "disable-extensions",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	browser, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, heard: &heard{}}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, tabs.Enable, tabs.EnableParams{})
	return b
}

// hear writes down what goes wrong.
func (b *tab) hear(event any) {
	var fault string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			fault = fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			words := []string{"console.error"}
			for _, a := range e.Args {
				words = append(words, string(a.Value))
			}
			fault = strings.Join(words, " ")
		}
	case *tabs.EventJavascriptDialogOpening:
		fault = "a dialog: " + e.Message
		go func() {
			_, _ = chromedp.Call(b.ctx, tabs.HandleJavaScriptDialog, tabs.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
	if fault != "" {
		b.heard.mu.Lock()
		b.heard.faults = append(b.heard.faults, fault)
		b.heard.mu.Unlock()
	}
}

// wrong returns what went wrong since it was asked last.
func (b *tab) wrong() []string {
	b.heard.mu.Lock()
	defer b.heard.mu.Unlock()
	all := b.heard.faults
	b.heard.faults = nil
	return all
}

// well fails the test when something went wrong.
func (b *tab) well() {
	b.t.Helper()
	for _, fault := range b.wrong() {
		b.t.Errorf("%s: %s", b.at, fault)
	}
}

// do acts in the tab.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", b.at, err)
	}
}

// open goes to an address.
func (b *tab) open(address string) {
	b.t.Helper()
	b.at = address
	b.do(chromedp.Navigate(address))
}

// call sends a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], with P) R {
	b.t.Helper()
	answer, err := chromedp.Call(b.ctx, command, with)
	if err != nil {
		b.t.Fatalf("%s: %v", b.at, err)
	}
	return answer
}

// value evaluates an expression, which the page's policy does not concern.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %s: %v", b.at, expression, err)
	}
	return v
}

// waits until an expression is true. Pages that are about to be left have no
// answer.
func (b *tab) waits(expression string) {
	b.t.Helper()
	within(b.t, patience, func() string {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		if err == nil && yes {
			return ""
		}
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		return fmt.Sprintf("%s: not yet %s: %v\n%.3000s", b.at, expression, err, text)
	})
}

// looks sets the width and the colour scheme.
func (b *tab) looks(width int64, scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.do(chromedp.EmulateViewport(width, 900))
}

// scripts switches JavaScript on or off for pages that are opened from now on.
func (b *tab) scripts(on bool) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// readAloud returns the text that assistive technology is given, which needs
// no script in the page.
func (b *tab) readAloud() string {
	b.t.Helper()
	tree := call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	var text strings.Builder
	for _, n := range tree.Nodes {
		if n.Ignored || n.Name == nil {
			continue
		}
		var name string
		if json.Unmarshal(n.Name.Value, &name) == nil {
			text.WriteString(name + "\n")
		}
	}
	return text.String()
}

// shoots writes a picture of the whole page to the folder.
func (b *tab) shoots(folder, name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// axe is what axe-core finds.
type axe []struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible has axe-core look at the page, by one rule or by all, and fails
// for what is serious.
func (b *tab) accessible(script, how, rule string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](script))
	only := ""
	if rule != "" {
		only = `, runOnly: ["` + rule + `"]`
	}
	found := value[axe](b, `axe.run(document, {resultTypes: ["violations"]`+only+`}).then(r => r.violations)`)
	for _, v := range found {
		if !slices.Contains([]string{"serious", "critical"}, v.Impact) {
			continue
		}
		for i, n := range v.Nodes {
			if i < 3 {
				b.t.Errorf("%s, %s: %s (%s): %s\n  %.300s\n  %s", b.at, how, v.ID, v.Impact, v.Help, n.HTML, n.FailureSummary)
			}
		}
	}
}

// axeScript returns axe-core, or "" and why it is not there.
func axeScript(t *testing.T) (script, why string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", filepath.Join("..", "..", ".tools", "npm.sh"), "browser-tools").Output()
	if err != nil {
		return "", fmt.Sprintf("axe-core cannot be installed (make browser-tools): %v", err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), ""
}
