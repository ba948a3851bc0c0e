package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// Where files come in and dead letters go out.
const (
	pathImports = "/a/{athlete}/imports"
	pathDead    = "/a/{athlete}/imports/set-aside"
)

func mayUpload(v Visitor) bool { return v.MayUpload }
func mayChange(v Visitor) bool { return v.MayChange }

// exportsPerPage is how many files a page of outcomes lists.
const exportsPerPage = 50

// importsData is what the page of imports shows.
type importsData struct {
	Takes   bool   // files can be handed in here
	Most    int64  // bytes of a file
	MostIs  string // the same for people
	Handed  []handed
	Counts  []outcomeCount
	Total   uint64
	Outcome string // that is listed; "" = all
	Rows    []*exportRow
	Page    int // from 1
	Newer   string
	Older   string
	Dead    []DeadLetter
	Done    string // what was done with dead letters
}

// handed says how one file of a form fared.
type handed struct {
	Name   string `json:"name"`
	Export string `json:"export_id,omitempty"`
	Words  string `json:"words"`
	Status int    `json:"status"`
	RetryS int    `json:"retry_s,omitempty"` // after how many seconds trying again may help
}

// Taken reports whether the file was taken.
func (h handed) Taken() bool { return h.Status < http.StatusBadRequest }

// outcomeCount counts the files with an outcome.
type outcomeCount struct {
	Outcome string `ch:"outcome"`
	Files   uint64 `ch:"files"`
}

// exportRow is a row of the view exports.
type exportRow struct {
	ExportID   string      `ch:"export_id"`
	Source     string      `ch:"source"`
	Format     string      `ch:"format"`
	Bytes      uint64      `ch:"bytes"`
	ReceivedAt time.Time   `ch:"received_at"`
	Outcome    string      `ch:"outcome"`
	Reason     string      `ch:"reason"`
	Detail     string      `ch:"detail"`
	SessionIDs []uuid.UUID `ch:"session_ids"`
	Members    uint64      `ch:"members"`
	Parent     *string     `ch:"parent_id"`

	Name string `ch:"-"` // as the uploader called the file, "" when unknown
}

// Why says the reason in words, with its detail.
func (r *exportRow) Why() string {
	text := schema.ReasonText(schema.Reason(r.Reason))
	if r.Detail != "" && r.Detail != text {
		if text != "" {
			text += ": "
		}
		text += r.Detail
	}
	return text
}

// Short is the beginning of the export's id.
func (r *exportRow) Short() string { return r.ExportID[:min(12, len(r.ExportID))] }

// Size is the file's size for people.
func (r *exportRow) Size() string { return sizeText(r.Bytes) }

func sizeText(n uint64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatUint(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatUint((n+1<<9)>>10, 10) + " KiB"
	}
	return strings.TrimSuffix(strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64), ".0") + " MiB"
}

const (
	exportCountsSQL = `SELECT toString(outcome) AS outcome, count() AS files FROM exports WHERE athlete_id = {athlete:String} GROUP BY outcome ORDER BY files DESC, outcome`
	exportRowsSQL   = `SELECT export_id, toString(source) AS source, toString(format) AS format, bytes, received_at, toString(outcome) AS outcome,
			toString(reason) AS reason, detail, session_ids, toUInt64(length(member_ids)) AS members, parent_id
		FROM exports WHERE athlete_id = {athlete:String} AND ({outcome:String} = '' OR outcome = {outcome:String})
		ORDER BY received_at DESC, export_id LIMIT {limit:UInt32} OFFSET {offset:UInt32}`
)

// imports lists what became of files, the newest first.
func (w *Web) imports(v *visit) error {
	data, err := w.importsOf(v)
	if err != nil {
		return err
	}
	return v.render("imports", "Imports", data)
}

func (w *Web) importsOf(v *visit) (*importsData, error) {
	q := v.r.URL.Query()
	data := &importsData{Takes: w.deps.Uploads != nil && v.visitor.MayUpload, Outcome: q.Get("outcome"), Page: 1}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 && n <= 1_000_000 {
		data.Page = n
	}
	if data.Takes {
		data.Most = w.deps.Uploads.MaxBytes()
		data.MostIs = sizeText(uint64(max(0, data.Most)))
	}
	p := store.Parameters{
		"athlete": string(v.athlete), "outcome": data.Outcome,
		"limit": strconv.Itoa(exportsPerPage + 1), "offset": strconv.Itoa((data.Page - 1) * exportsPerPage),
	}
	if err := v.sql(&data.Counts, exportCountsSQL, store.Parameters{"athlete": string(v.athlete)}); err != nil {
		return nil, err
	}
	for _, c := range data.Counts {
		data.Total += c.Files
	}
	var rows []exportRow
	if err := v.sql(&rows, exportRowsSQL, p); err != nil {
		return nil, err
	}
	data.turnPages(v.r.URL.Path, len(rows) > exportsPerPage)
	for i := range rows[:min(len(rows), exportsPerPage)] {
		r := &rows[i]
		if id, err := schema.ParseExportID(r.ExportID); err == nil && w.deps.Uploads != nil {
			r.Name = w.deps.Uploads.NameOf(v.athlete, id)
		}
		data.Rows = append(data.Rows, r)
	}
	return data, w.addDead(v, data)
}

// turnPages fills in the addresses of the pages beside this one.
func (d *importsData) turnPages(path string, more bool) {
	address := func(page int) string {
		q := url.Values{"page": {strconv.Itoa(page)}}
		if d.Outcome != "" {
			q.Set("outcome", d.Outcome)
		}
		return path + "?" + q.Encode()
	}
	if d.Page > 1 {
		d.Newer = address(d.Page - 1)
	}
	if more {
		d.Older = address(d.Page + 1)
	}
}

// addDead adds the messages that were set aside, for who may do something
// about them: those of the athlete, and those that say of nobody.
func (w *Web) addDead(v *visit, data *importsData) error {
	if w.deps.DeadLetters == nil || !v.visitor.MayChange {
		return nil
	}
	all, err := w.deps.DeadLetters.List(v.r.Context())
	if err != nil {
		return err
	}
	for i := range all {
		if a := all[i].Athlete; a == "" || a == v.athlete {
			data.Dead = append(data.Dead, all[i])
		}
	}
	q := v.r.URL.Query()
	n, err := strconv.Atoi(q.Get("done"))
	if err != nil || n < 0 {
		return nil //nolint:nilerr // nothing was done
	}
	data.Done = strconv.Itoa(n) + " dropped."
	if q.Get("did") == "retry" {
		data.Done = strconv.Itoa(n) + " queued again."
	}
	if failed, err := strconv.Atoi(q.Get("failed")); err == nil && failed > 0 {
		data.Done += " " + strconv.Itoa(failed) + " could not be; see the log."
	}
	return nil
}

// deadDo retries or drops dead letters.
func (w *Web) deadDo(v *visit) error {
	if w.deps.DeadLetters == nil {
		return errNotFound
	}
	if err := v.r.ParseForm(); err != nil {
		return err
	}
	var ids []uint64
	for _, text := range v.r.PostForm["id"] {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return inputError("That is no number of a message.")
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return inputError("Tick at least one message.")
	}
	act := map[string]func(ids []uint64) (int, error){
		"retry": func(ids []uint64) (int, error) { return w.deps.DeadLetters.Retry(v.r.Context(), ids) },
		"drop":  func(ids []uint64) (int, error) { return w.deps.DeadLetters.Drop(v.r.Context(), ids) },
	}[v.r.PostForm.Get("do")]
	if act == nil {
		return inputError("Messages can be queued again or dropped.")
	}
	failed, err := act(ids)
	if err != nil {
		return err
	}
	q := url.Values{"did": {v.r.PostForm.Get("do")}, "done": {strconv.Itoa(len(ids) - failed)}, "failed": {strconv.Itoa(failed)}}
	http.Redirect(v.w, v.r, strings.TrimSuffix(v.r.URL.Path, "/set-aside")+"?"+q.Encode()+"#set-aside", http.StatusSeeOther)
	return nil
}

// takeFiles takes the files of a form.
func (w *Web) takeFiles(v *visit) error {
	if w.deps.Uploads == nil {
		return errNotFound
	}
	var err error
	w.deps.Uploads.Guard(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		v.w, v.r = rw, r
		err = w.takeForm(v) //nolint:contextcheck // the visit holds the request
	})).ServeHTTP(v.w, v.r)
	return err
}

// takeForm hands the files of a form on, one after the other, and answers how
// each fared: people with the page, scripts with JSON.
func (w *Web) takeForm(v *visit) error {
	form, err := v.r.MultipartReader()
	if err != nil {
		return inputError("That is no form with files.")
	}
	all := []handed{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return inputError("The files came only in part: send them again.")
		}
		if part.FileName() == "" { // a field, or a choice of no files
			continue
		}
		all = append(all, w.takePart(v, part))
	}
	for _, h := range all {
		if !h.Taken() && len(all) == 1 {
			v.status = h.Status
		}
	}
	if len(all) == 0 {
		v.status = http.StatusBadRequest
		all = append(all, handed{Words: "no file was chosen", Status: http.StatusBadRequest})
	}
	if v.r.Header.Get("Accept") == "application/json" {
		return v.json(all)
	}
	data, err := w.importsOf(v)
	if err != nil {
		return err
	}
	data.Handed = all
	return v.render("imports", "Imports", data)
}

// nameOf returns what a browser calls a file, which writes a quotation mark as
// %22.
func nameOf(part *multipart.Part) string {
	return strings.ReplaceAll(path.Base(strings.ReplaceAll(part.FileName(), `\`, "/")), "%22", `"`)
}

func (w *Web) takePart(v *visit, part *multipart.Part) handed {
	h := handed{Name: nameOf(part), Status: http.StatusCreated, Words: "taken"}
	rc, err := w.deps.Uploads.Take(v.r.Context(), v.visitor, v.athlete, h.Name, part)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		h.Status, h.Words, h.RetryS = refused.Status, refused.Words, int(refused.RetryAfter/time.Second)
	case err != nil:
		h.Status, h.Words = http.StatusInternalServerError, "it was not taken because of a fault of the server"
		w.deps.Log.Error("a file of the page was not taken", "error", err)
	case rc.Duplicate:
		h.Status, h.Words = http.StatusOK, "taken before: the same bytes"
	}
	if err == nil {
		h.Export = rc.Export.String()
	}
	return h
}

// json answers a script.
func (v *visit) json(data any) error {
	v.w.Header().Set("Content-Type", "application/json")
	if v.status != 0 {
		v.w.WriteHeader(v.status)
	}
	_ = json.NewEncoder(v.w).Encode(data) // the visitor has gone: nobody to tell
	return nil
}
