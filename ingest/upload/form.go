package upload

import (
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
	maxHeader = 255 // of the file's name
)

// isMultipart reports whether a request brings a form with files.
func isMultipart(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
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
// that come before it may bring the token, fields that come after it may still
// bring the external id.
func (g *Gate) takeForm(w http.ResponseWriter, r *http.Request, c caller, athlete string) (Receipt, error) {
	body, err := decoded(r, r.Body)
	if err != nil {
		return Receipt{}, err
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return Receipt{}, refuse(http.StatusBadRequest, "content-type", "invalid", "the form has no boundary")
	}
	form := &form{gate: g, w: w, caller: c, athlete: athlete, parts: multipart.NewReader(body, params["boundary"])}
	defer form.leave()
	return form.take(r.Context())
}

// form is a multipart form while it is read.
type form struct {
	gate    *Gate
	w       http.ResponseWriter
	caller  caller
	athlete string
	parts   *multipart.Reader
	left    func() // ends the upload of a caller who was named in the form

	externalID string
	rc         Receipt
	taken      bool
}

func (f *form) leave() {
	if f.left != nil {
		f.left()
	}
}

func (f *form) take(ctx context.Context) (Receipt, error) {
	for n := 0; ; n++ {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Receipt{}, asBodyError(err)
		}
		if n == maxFields {
			return Receipt{}, refuse(http.StatusBadRequest, "form", "too_many", "the form has too many fields")
		}
		if err := f.part(ctx, part); err != nil {
			return Receipt{}, err
		}
	}
	if !f.taken {
		if !f.caller.known() {
			return Receipt{}, errNoToken()
		}
		return Receipt{}, refuse(http.StatusBadRequest, "file", "missing", `the form has no part "file"`)
	}
	if f.rc.Record.ExternalID == "" && f.externalID != "" {
		f.rc.Record.ExternalID = f.externalID
		if err := f.gate.deps.Records.Amend(&f.rc.Record); err != nil {
			f.gate.deps.Log.WarnContext(ctx, "upload is not recorded", "error", err)
		}
	}
	announce(f.w, &f.rc)
	return f.rc, nil
}

// part reads one part of the form.
func (f *form) part(ctx context.Context, part *multipart.Part) error {
	if name := part.FormName(); name == "file" || part.FileName() != "" {
		return f.file(ctx, part)
	}
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
		f.externalID = value
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

func (f *form) file(ctx context.Context, part *multipart.Part) error {
	if !f.caller.known() {
		return errNoToken()
	}
	if f.taken {
		return refuse(http.StatusBadRequest, "file", "too_many", "one file an upload; a zip may hold many")
	}
	owner, err := f.gate.athleteOr(f.caller, f.athlete)
	if err != nil {
		return err
	}
	f.rc, err = f.gate.accept(ctx, owner, &file{
		name: baseName(part.FileName()), externalID: f.externalID, body: &partBody{part},
	})
	f.taken = err == nil
	return err
}

// partBody makes the errors of a part the client's.
type partBody struct{ part *multipart.Part }

// Read reads some of the part.
func (p *partBody) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's own sentinel is never wrapped
		err = asBodyError(err)
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
	return &bodyError{err}
}
