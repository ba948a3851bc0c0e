package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"

	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/testdata/gen/activity"
)

// screenshots names the folder for pictures of the pages, and has the test show
// two whole years instead of a season's end.
const screenshots = "PLODWATCH_SCREENSHOTS"

// attack would run if a page took it for more than text. It fits where files
// hold names.
const attack = `"><img src=x onerror=alert(1)><script>alert(2)</script>`

// visit is the page in the hands of somebody with a browser.
type pageVisit struct {
	*tab

	p       *person
	d       *daemon
	nats    string // URL of the queues
	folder  string // for pictures
	axe     string // axe-core's script
	session string // address of the session that was opened
}

// TestEndToEndBrowser clicks through the page of a running plodwatch: drops files
// and watches them arrive, opens one, asks what another max HR would change,
// applies it, asks SQL and takes the answer away. Then it looks at every page,
// in light, in the dark, on a phone, and without JavaScript.
func TestEndToEndBrowser(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	v := &pageVisit{tab: b, p: newPerson(t).quiet(), folder: os.Getenv(screenshots)}
	if v.folder == "" {
		v.folder = t.TempDir()
	}
	script, why := axeScript(t)
	if script == "" {
		t.Log(why)
	}
	v.axe, v.nats = script, natsServer(t)
	v.p.flags = []string{"--nats", v.nats}
	v.settlesIn()
	v.d = v.p.up()
	for _, part := range []struct {
		name string
		run  func(*pageVisit)
	}{
		{"the guard hears what goes wrong", (*pageVisit).guardHears},
		{"files that are dropped arrive", (*pageVisit).dropsFiles},
		{"what a file says of itself is text", func(w *pageVisit) { w.opensSession(); v.session = w.session }},
		{"another max HR is shown before it is applied", (*pageVisit).changesMaxHR},
		{"SQL answers, and can be taken away", (*pageVisit).asks},
		{"a token is shown once", (*pageVisit).makesAToken},
		{"what was set aside is queued again or dropped", (*pageVisit).looksAfterDeadLetters},
		{"every page can be read by everybody", (*pageVisit).looksAtEverything},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(v.as(t)) }) {
			break
		}
	}
	v.d.stop(os.Interrupt)
}

func (v *pageVisit) as(t *testing.T) *pageVisit {
	copied := *v
	copied.tab = &tab{t: t, ctx: v.ctx, at: v.at, heard: v.heard}
	copied.p = v.p.as(t)
	return &copied
}

// address is where a page of the athlete me is.
func (v *pageVisit) address(path string) string { return "http://" + v.d.address + path }

// settlesIn imports the end of a generated season, or all of it.
func (v *pageVisit) settlesIn() {
	v.t.Helper()
	s, err := activity.NewSeason(time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC), 1)
	if err != nil {
		v.t.Fatal(err)
	}
	sessions := s.Sessions
	if os.Getenv(screenshots) == "" {
		sessions = sessions[len(sessions)-40:]
	}
	l := &life{person: v.p, season: s, folder: v.t.TempDir()}
	for i := range sessions {
		data, err := sessions[i].FIT()
		if err == nil {
			err = os.WriteFile(l.path(&sessions[i]), data, 0o600)
		}
		if err != nil {
			v.t.Fatal(err)
		}
	}
	v.p.do(exitOK, "athlete", "set", "me", "--max-hr", "188", "--rest-hr", "48", "--sex", "male", "--time-zone", "Europe/Zurich")
	v.p.imports(exitOK, l.folder)
	v.p.imports(exitOK, "--athlete", "lena", ofLena())
	v.p.do(exitOK, "log", "add", "me", "--date", "2025-02-08", "--resting-hr", "52", "--note", attack)
	if os.Getenv(screenshots) != "" {
		l.writesDown()
	}
}

// guardHears: were the test deaf, everything would look well.
func (v *pageVisit) guardHears() {
	v.open(v.address("/a/me/imports"))
	v.well()
	v.do(chromedp.Evaluate[chromedp.Void](`document.body.append(Object.assign(document.createElement("script"), {textContent: "alert(9)"}))`))
	within(v.t, patience, func() string {
		if all := v.wrong(); len(all) == 1 && strings.Contains(all[0], "Content Security Policy") {
			return ""
		} else if len(all) > 0 {
			v.t.Fatalf("heard %q", all)
		}
		return "a script in the page was not noticed"
	})
}

// threeFiles writes a FIT, a GPX and a TCX file; the GPX file tries to be more
// than text in its name and in what it says of itself.
func (v *pageVisit) threeFiles() []string {
	v.t.Helper()
	folder := v.t.TempDir()
	var gpx bytes.Buffer
	text := html.EscapeString(attack)
	fmt.Fprintf(&gpx, `<gpx version="1.1" creator="%s" xmlns="http://www.topografix.com/GPX/1/1"
 xmlns:t="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"><metadata><name>%s</name><desc>%s</desc></metadata><trk><name>%s</name><type>%s</type><trkseg>`,
		text, text, text, text, text)
	start := time.Date(2025, 1, 6, 7, 0, 0, 0, time.UTC)
	for i := range 900 {
		fmt.Fprintf(&gpx, `<trkpt lat="%.7f" lon="8.5"><ele>400</ele><time>%s</time><extensions><t:TrackPointExtension><t:hr>%d</t:hr></t:TrackPointExtension></extensions></trkpt>`,
			47.3+float64(i)*2.5e-5, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), 118+i/30)
	}
	gpx.WriteString(`</trkseg></trk></gpx>`)
	all := []string{filepath.Join(folder, strings.ReplaceAll(attack, "/", "&sol;")+".gpx")}
	if err := os.WriteFile(all[0], gpx.Bytes(), 0o600); err != nil {
		v.t.Fatal(err)
	}
	for _, name := range []string{"intervals.fit", "pauses.tcx"} {
		data, err := os.ReadFile(filepath.Join(activities(), name))
		if err == nil {
			all = append(all, filepath.Join(folder, name))
			err = os.WriteFile(all[len(all)-1], data, 0o600)
		}
		if err != nil {
			v.t.Fatal(err)
		}
	}
	return all
}

// dropsFiles drops three files on the page and sees their outcomes come without
// loading it again.
func (v *pageVisit) dropsFiles() {
	v.open(v.address("/a/me/imports"))
	rows := value[int](v.tab, `document.querySelectorAll("#outcomes tbody tr").length`)
	v.do(chromedp.Evaluate[chromedp.Void](`window.stayed = true`))
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: v.threeFiles(), DragOperationsMask: 1}
	at := value[[]float64](v.tab, `(() => { const r = document.getElementById("drop").getBoundingClientRect(); return [r.x + 30, r.y + 20] })()`)
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		call(v.tab, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: data})
	}
	v.waits(`document.querySelectorAll("#handing-list li.taken").length === 3`)
	for _, name := range []string{"onerror=alert", "intervals.fit", "pauses.tcx"} {
		v.waits(`[...document.querySelectorAll("#outcomes tbody tr")].some(r => r.innerText.includes("` + name + `") && r.querySelector("a[href*='/sessions/']"))`)
	}
	if n := value[int](v.tab, `document.querySelectorAll("#outcomes tbody tr").length`); n != min(50, rows+3) {
		v.t.Errorf("%d files are listed, %d were before", n, rows)
	}
	if !value[bool](v.tab, `window.stayed === true`) {
		v.t.Error("the page was loaded again")
	}
	if list := value[string](v.tab, `document.getElementById("handing-sum").innerText`); !strings.Contains(list, "3 of 3 files handed in") {
		v.t.Errorf("the sum says %q", list)
	}
	if n := value[int](v.tab, `document.querySelectorAll("main img, main script").length`); n != 0 {
		v.t.Errorf("%d elements came out of a file's name", n)
	}
	v.shoots(v.folder, "arrived-light")
	v.well()
	// Dropped once more they are known.
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		call(v.tab, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: data})
	}
	v.waits(`document.getElementById("handing-sum").innerText.includes("3 taken before")`)
	v.well()
}

// opensSession opens the session of the file that tries to be more than text.
func (v *pageVisit) opensSession() {
	v.open(v.address("/a/me/imports"))
	const link = `[...document.querySelectorAll("#outcomes tbody tr")].find(r => r.innerText.includes("onerror")).querySelector("a[href*='/sessions/']")`
	v.session = value[string](v.tab, link+".href")
	v.do(chromedp.Evaluate[chromedp.Void](link + ".click()")) // beside the others of a wide table
	v.waits(`location.href === ` + quoteJS(v.session) + ` && document.readyState === "complete"`)
	v.at = v.session
	v.well()
}

func quoteJS(s string) string { return fmt.Sprintf("%q", s) }

// changesMaxHR asks what 170 would change, sees that nothing is stored, and
// applies it.
func (v *pageVisit) changesMaxHR() {
	hrMax := func() float64 {
		v.t.Helper()
		type row struct {
			HRMax float64 `json:"hr_max"`
		}
		return rows[row](v.p, "SELECT min(hr_max) AS hr_max FROM intensity WHERE athlete_id = 'me' AND hr_max_source = 'setting'")[0].HRMax
	}
	v.open(v.address("/a/me/athlete"))
	v.do(chromedp.Clear(chromedp.CSS("#f-max_hr")), chromedp.SendKeys(chromedp.CSS("#f-max_hr"), "170"),
		chromedp.Click(chromedp.CSS("form[action$=what-if] button")))
	v.waits(`location.pathname.endsWith("/what-if") && document.body.innerText.includes("Nothing has been stored")`)
	if n := value[int](v.tab, `document.querySelectorAll("main tbody tr").length`); n < 10 {
		v.t.Errorf("the what-if shows %d changes", n)
	}
	if got := hrMax(); got != 188 {
		v.t.Errorf("after the what-if the max HR is %g", got)
	}
	v.do(chromedp.Click(chromedp.CSS("form.row button")))
	v.waits(`location.search.includes("reanalysed=") && document.body.innerText.includes("analyzed again")`)
	if got := hrMax(); got != 170 {
		v.t.Errorf("after applying it the max HR is %g", got)
	}
	v.well()
	// What makes no sense is named, and what was typed stays.
	v.open(v.address("/a/me/athlete/what-if?max_hr=900"))
	if text := value[string](v.tab, `document.querySelector("[role=alert]").innerText`); !strings.Contains(text, "max HR 900") {
		v.t.Errorf("said of 900 bpm: %q", text)
	}
	v.wrong() // the browser notes the answer 400
}

// asks asks SQL with the keyboard, and takes the answer away as Parquet, which
// the engine reads.
func (v *pageVisit) asks() {
	v.open(v.address("/a/me/query"))
	sql := "SELECT session_id, timer_s, '" + attack + "' AS text FROM sessions WHERE athlete_id = 'me' ORDER BY started_at"
	v.do(chromedp.SetValue(chromedp.CSS("#sql"), sql), chromedp.Focus(chromedp.CSS("#sql")), chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	v.waits(`document.querySelectorAll(".result tbody tr").length > 3`)
	if text := value[string](v.tab, `document.querySelector(".result tbody td:last-child").innerText`); text != attack {
		v.t.Errorf("the value came out as %q", text)
	}
	shown := value[int](v.tab, `document.querySelectorAll(".result tbody tr").length`)
	v.well()
	v.shoots(v.folder, "answer-light")

	folder := v.t.TempDir()
	if _, err := chromedp.CallBrowser(v.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder,
	}); err != nil {
		v.t.Fatal(err)
	}
	v.do(chromedp.Click(chromedp.CSS("button[value=parquet]")))
	file := filepath.Join(folder, "plodwatch.parquet")
	within(v.t, patience, func() string {
		if _, err := os.Stat(file); err != nil {
			return "no file yet"
		}
		return ""
	})
	if got := v.readParquet(file); got != fmt.Sprintf("%d\t%d\n", shown, shown) {
		v.t.Errorf("the file holds %q, the page showed %d rows", got, shown)
	}
	v.well()
	v.do(chromedp.SetValue(chromedp.CSS("#sql"), "SELECT '<b>' FROM nothing"), chromedp.Click(chromedp.CSS("#run")))
	v.waits(`!!document.querySelector("#fault")?.innerText.includes("nothing")`)
	v.wrong() // the browser notes the answer 422
}

// readParquet has the engine read a file and count its rows and sessions.
func (v *pageVisit) readParquet(file string) string {
	v.t.Helper()
	e2e.engine.Lock()
	defer e2e.engine.Unlock()
	engine, err := chdb.Open(chdb.Config{Path: v.t.TempDir()})
	if err != nil {
		v.t.Fatal(err)
	}
	defer engine.Close()
	data, err := os.ReadFile(file)
	if err != nil {
		v.t.Fatal(err)
	}
	ask := func(query string, body io.Reader) string {
		r := httptest.NewRequestWithContext(v.t.Context(), http.MethodPost, "/?query="+url.QueryEscape(query), body)
		w := httptest.NewRecorder()
		engine.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			v.t.Fatalf("%s: %s", query, w.Body)
		}
		return w.Body.String()
	}
	ask("CREATE TABLE answer (session_id UUID, timer_s Float64, text String) ENGINE = Memory", http.NoBody)
	ask("INSERT INTO answer FORMAT Parquet", bytes.NewReader(data))
	return ask("SELECT count(), uniqExact(session_id) FROM answer WHERE text LIKE '%onerror%'", http.NoBody)
}

// makesAToken makes a token whose note tries to be more than text, and takes it
// back.
func (v *pageVisit) makesAToken() {
	v.open(v.address("/a/me/athlete"))
	v.do(chromedp.SetValue(chromedp.CSS("#note"), attack), chromedp.Click(chromedp.CSS("form[action$='tokens#tokens'] button")))
	v.waits(`!!document.querySelector("code.secret")`)
	secret := value[string](v.tab, `document.querySelector("code.secret").innerText`)
	if status, _ := v.d.get("/a/me/athlete"); status != http.StatusOK || !strings.HasPrefix(secret, "plod_") {
		v.t.Errorf("%d, the secret is %q", status, secret)
	}
	v.open(v.address("/a/me/athlete"))
	if text := value[string](v.tab, `document.body.innerHTML`); strings.Contains(text, secret) || !strings.Contains(text, "&lt;img src=x onerror=alert(1)&gt;") {
		v.t.Error("the secret is shown again, or the note is not text")
	}
	v.do(chromedp.Click(chromedp.CSS("#tokens ~ .wide summary")), chromedp.Click(chromedp.CSS("form[action$=revoke] button")))
	v.waits(`!document.querySelector("form[action$=revoke]")`)
	v.well()
}

// looksAfterDeadLetters has a message that nobody can read set aside, queues it
// again, and drops it when it comes back.
func (v *pageVisit) looksAfterDeadLetters() {
	conn, err := nats.Connect(v.nats)
	if err != nil {
		v.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Request(streams.ExportSubject(schema.JobID{9}), []byte(attack), patience); err != nil {
		v.t.Fatal(err)
	}
	number := func(other string) string {
		v.t.Helper()
		var id string
		within(v.t, patience, func() string {
			v.open(v.address("/a/me/imports"))
			id = value[string](v.tab, `document.querySelector("#set-aside input[name=id]")?.value ?? ""`)
			if id == other {
				return "nothing new was set aside"
			}
			return ""
		})
		return id
	}
	first := number("")
	v.shoots(v.folder, "set-aside-light")
	v.do(chromedp.Click(chromedp.CSS("#set-aside button[value=retry]")))
	v.waits(`document.body.innerText.includes("1 queued again.")`)
	if second := number(first); second == "" {
		number("") // it was on its way
	}
	v.do(chromedp.Click(chromedp.CSS("#set-aside summary")), chromedp.Click(chromedp.CSS("#set-aside button[value=drop]")))
	v.waits(`document.body.innerText.includes("1 dropped.") && !document.querySelector("#set-aside input")`)
	v.well()
}

// figures are cells of tables with digits; folded are parts that are opened by
// a click, which needs no script.
var (
	figures = regexp.MustCompile(`(?s)<td[^>]*>([^<]*\d[^<]*)<`)
	folded  = regexp.MustCompile(`(?s)<details class="[a-z]*">.*?</details>`)
)

// looksAtEverything goes to each page of the navigation and those behind it.
func (v *pageVisit) looksAtEverything() {
	v.looks(1280, "light")
	v.open(v.address("/a/me/"))
	pages := map[string]string{"session": v.session, "what-if": v.address("/a/me/athlete/what-if?max_hr=180&rest_hr=48"), "sign-in": v.address("/sign-in"), "home": v.address("/")}
	for _, link := range value[[][]string](v.tab, `[...document.querySelectorAll("nav[aria-label=Pages] a")].map(a => [a.innerText.trim().toLowerCase(), a.href])`) {
		pages[link[0]] = link[1]
	}
	if len(pages) < 8 {
		v.t.Errorf("only %d pages", len(pages))
	}
	names := make([]string, 0, len(pages))
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v.looksAt(name, pages[name])
	}
}

func (v *pageVisit) looksAt(name, address string) {
	v.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		v.looks(1280, scheme)
		if scheme == "light" { // pages turn dark as they stand
			v.open(address)
		}
		v.shoots(v.folder, name+"-"+scheme)
		if v.axe != "" {
			v.accessible(v.axe, scheme, map[string]string{"light": "", "dark": "color-contrast"}[scheme])
		}
	}
	v.looks(390, "light")
	v.open(address)
	v.shoots(v.folder, name+"-phone")
	if wide := value[int](v.tab, `document.documentElement.scrollWidth`); wide > 390 {
		v.t.Errorf("%s: %d px wide on a phone of 390", address, wide)
	}
	v.well()
	v.scripts(false)
	v.open(address)
	text := v.readAloud()
	v.scripts(true)
	_, source := v.d.get(strings.TrimPrefix(address, v.address("")))
	for _, f := range figures.FindAllStringSubmatch(folded.ReplaceAllString(source, ""), -1) {
		if want := strings.Join(strings.Fields(html.UnescapeString(f[1])), " "); !strings.Contains(text, want) {
			v.t.Errorf("%s: %q cannot be read without JavaScript", address, want)
		}
	}
	v.well()
}
