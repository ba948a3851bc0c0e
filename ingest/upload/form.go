package upload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strings"
)

// Limits of a multipart form beside the file itself.
const (
	maxFields = 64
	maxHeader = 255       // of the file's name
	maxBeside = 512 << 10 // of all that is not the file, with what packs it
)

// isMultipart reports whether a request brings a form with files.
func isMultipart(r *http.Request) bool {
	// With an error beside it the parameters are broken: it is a form still.
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "multipart/form-data"
}

// take takes the one file that a request brings, as a multipart form or as
// the body itself, for the athlete it names or the caller's own.
func (g *Gate) take(w http.ResponseWriter, r *http.Request, c caller, athlete string) (Receipt, error) {
	if athlete == "" {
		athlete = r.URL.Query().Get("athlete")
	}
	if isMultipart(r) {
		return g.takeForm(w, r, c, athlete)
	}
	owner, err := g.athleteOr(c, athlete)
	if err != nil {
		return Receipt{}, err
	}
	if r.ContentLength > g.cfg.MaxBytes && r.Header.Get("Content-Encoding") == "" {
		return Receipt{}, &tooLargeError{limit: g.cfg.MaxBytes}
	}
	body, err := decoded(r, r.Body)
	if err != nil {
		return Receipt{}, err
	}
	rc, err := g.accept(r.Context(), owner, &file{
		name: nameOf(r), externalID: r.URL.Query().Get("external_id"), body: body,
	})
	if err == nil {
		announce(w, &rc)
	}
	return rc, err
}

// nameOf returns the name of a file that is the body itself.
func nameOf(r *http.Request) string {
	if name := r.URL.Query().Get("filename"); name != "" {
		return baseName(name)
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return baseName(params["filename"])
}

func baseName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	return name[:min(len(name), maxHeader)]
}

// takeForm takes the part "file" of a multipart form. It is streamed: fields
// that come before it may bring the token. Fields that come after it may still
// bring the external id; they are read before the file counts as read.
func (g *Gate) takeForm(w http.ResponseWriter, r *http.Request, c caller, athlete string) (Receipt, error) {
	body, err := decoded(r, r.Body)
	if err != nil {
		return Receipt{}, err
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return Receipt{}, refuse(http.StatusBadRequest, "content-type", "invalid", "the form has no boundary")
	}
	whole := &limitedReader{r: body, left: maxBeside, over: refuse(http.StatusRequestEntityTooLarge, "form", "too_large",
		"the form is larger than the limit of 512 KiB beside its file")}
	end := &endSeeker{r: whole, end: []byte("--" + params["boundary"] + "--")}
	form := &form{
		gate: g, w: w, caller: c, athlete: athlete, file: &file{},
		whole: whole, end: end, parts: multipart.NewReader(end, params["boundary"]),
	}
	defer form.leave()
	return form.take(r.Context())
}

// form is a multipart form while it is read.
type form struct {
	gate    *Gate
	w       http.ResponseWriter
	caller  caller
	athlete string
	whole   *limitedReader // under end
	end     *endSeeker     // under parts
	parts   *multipart.Reader
	left    func() // ends the upload of a caller who was named in the form
	count   int    // of parts so far
	file    *file
}

func (f *form) leave() {
	if f.left != nil {
		f.left()
	}
}

func (f *form) take(ctx context.Context) (Receipt, error) {
	part, err := f.untilFile()
	if err != nil {
		return Receipt{}, err
	}
	if !f.caller.known() {
		return Receipt{}, errNoToken()
	}
	if part == nil {
		return Receipt{}, refuse(http.StatusBadRequest, "file", "missing", `the form has no part "file"`)
	}
	owner, err := f.gate.athleteOr(f.caller, f.athlete)
	if err != nil {
		return Receipt{}, err
	}
	f.whole.left += f.gate.cfg.MaxBytes // the file itself has its own limit
	f.file.name, f.file.body = baseName(part.FileName()), &partBody{part: part, form: f}
	rc, err := f.gate.accept(ctx, owner, f.file)
	if err != nil {
		return Receipt{}, err
	}
	announce(f.w, &rc)
	return rc, nil
}

// untilFile reads the form's fields until there is a file, or to the form's
// end, and then returns nil.
func (f *form) untilFile() (*multipart.Part, error) {
	for {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) && f.end.seen {
			return nil, nil
		}
		if err != nil {
			return nil, asBodyError(err)
		}
		if f.count++; f.count > maxFields {
			return nil, refuse(http.StatusBadRequest, "form", "too_many", "the form has too many fields")
		}
		if part.FormName() == "file" || part.FileName() != "" {
			return part, nil
		}
		if err := f.field(part); err != nil {
			return nil, err
		}
	}
}

// field reads a field of the form.
func (f *form) field(part *multipart.Part) error {
	data, err := io.ReadAll(io.LimitReader(part, maxText+1))
	if err != nil {
		return asBodyError(err)
	}
	if len(data) > maxText {
		return refuse(http.StatusBadRequest, "form", "too_large", "a field of the form is larger than 4 KiB")
	}
	switch value := string(data); part.FormName() {
	case "access_token":
		return f.signIn(value)
	case "external_id":
		f.file.externalID = value
	}
	return nil
}

// signIn takes the token that a field has brought. One in the headers counts
// before it.
func (f *form) signIn(secret string) error {
	if f.caller.known() && !f.caller.local {
		return nil
	}
	c, err := f.gate.check(strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	if f.left, err = f.gate.mayUpload(f.w, c); err != nil {
		f.left = nil
		return err
	}
	f.caller = c
	return nil
}

// partBody is the form's file. It ends only when the form does: a file whose
// form is cut off, or holds another one, is not taken.
type partBody struct {
	part *multipart.Part
	form *form
	end  error // what ended it
}

// Read reads some of the part.
func (p *partBody) Read(b []byte) (int, error) {
	if p.end != nil {
		return 0, p.end
	}
	n, err := p.part.Read(b)
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's own sentinel is never wrapped
		p.end = p.form.finish()
	case err != nil:
		p.end = asBodyError(err)
	}
	return n, p.end
}

// finish reads what comes after the file. It returns io.EOF when that is well.
func (f *form) finish() error {
	another, err := f.untilFile()
	switch {
	case err != nil:
		return err
	case another != nil:
		return refuse(http.StatusBadRequest, "file", "too_many", "one file an upload; a zip may hold many")
	}
	// What packs the body has its checksum behind the form's end.
	if _, err := io.Copy(io.Discard, f.whole); err != nil {
		return asBodyError(err)
	}
	return io.EOF
}

// endSeeker notices whether a form comes to its end. multipart.Reader says
// io.EOF also of a form that is cut off where a part begins.
type endSeeker struct {
	r    io.Reader
	end  []byte
	last []byte // what has been read and may hold the end's beginning
	seen bool
}

// Read reads some of the form.
func (s *endSeeker) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if !s.seen {
		s.last = append(s.last, p[:n]...)
		s.seen = bytes.Contains(s.last, s.end)
		s.last = append(s.last[:0], s.last[max(0, len(s.last)-len(s.end)+1):]...)
	}
	return n, err
}

// asBodyError makes a fault of a form the client's.
func asBodyError(err error) error {
	var f *fault
	var body *bodyError
	if errors.As(err, &f) || errors.As(err, &body) {
		return err
	}
	return &bodyError{unexpected(err)}
}
