package upload

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net/http"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// davFile is a webdav.File: a listing, or a file that is being put.
type davFile struct {
	tree   *davTree
	path   string
	info   davInfo
	opened bool    // to be put
	put    *davPut // nil when nothing is put, as by LOCK
}

// Stat returns the listing; of a file that was put, what it will be.
func (f *davFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Readdir returns all that a folder holds.
func (f *davFile) Readdir(int) ([]fs.FileInfo, error) { return f.tree.children(f.path) }

// Read fails: nothing can be fetched.
func (f *davFile) Read([]byte) (int, error) { return 0, fs.ErrPermission }

// Seek fails: nothing can be fetched.
func (f *davFile) Seek(int64, int) (int64, error) { return 0, fs.ErrPermission }

// Write fails, because a file is only taken when its end is known to be its
// end, which only ReadFrom sees.
func (f *davFile) Write([]byte) (int, error) { return 0, fs.ErrPermission }

// ReadFrom takes the file; io.Copy calls it. On an error nothing was taken.
func (f *davFile) ReadFrom(r io.Reader) (int64, error) {
	if f.put == nil {
		return 0, fs.ErrPermission
	}
	if err := f.put.take(&f.info, r); err != nil {
		f.put.fail(err)
		return 0, err
	}
	return f.info.size, nil
}

// Close lists what was put. A file that was not taken is not listed.
func (f *davFile) Close() error {
	if !f.opened || f.put.failed() {
		return nil
	}
	f.info.changed = f.tree.now()
	if f.put != nil && f.put.receipt != nil {
		_ = f.tree.list(f.path, f.info) // what was taken is taken, listed or not
		return nil
	}
	err := f.tree.list(f.path, f.info)
	if err != nil {
		f.put.fail(refuse(http.StatusConflict, "path", "invalid", "a folder has come to this path"))
	}
	return err
}

// davPutKey is the key of a request's davPut in its context.
type davPutKey struct{}

// davPut is a PUT while it is served.
type davPut struct {
	gate    *Gate
	athlete schema.AthleteID
	request *http.Request

	receipt *Receipt // of what was taken
	err     error    // why it was not
}

// fail remembers the first error; golang.org/x/net/webdav has one answer for
// all of them.
func (p *davPut) fail(err error) {
	if p != nil && p.err == nil {
		p.err = err
	}
}

// failed reports whether nothing was taken.
func (p *davPut) failed() bool { return p != nil && p.err != nil }

// take takes the body and fills in what is to be listed of it. Of an empty
// one, with which some clients begin, there is nothing to take. Neither is of
// litter, unless it is an activity: clients give such names to files that they
// have not finished, and rename them then.
func (p *davPut) take(info *davInfo, r io.Reader) error {
	body, err := decoded(p.request, r)
	if err != nil {
		return err
	}
	counted := &countedReader{r: body}
	buffered := bufio.NewReaderSize(counted, ingest.SniffBytes)
	head, err := buffered.Peek(ingest.SniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case len(head) == 0:
	case ingest.IsLitter(info.name) && ingest.Sniff(head) == ingest.KindUnknown:
		if _, err := io.Copy(io.Discard, limited(buffered, p.gate.cfg.MaxBytes)); err != nil {
			return err
		}
		info.content = davDropped
	default:
		rc, err := p.gate.accept(p.request.Context(), p.athlete, &file{name: baseName(info.name), body: buffered})
		if err != nil {
			return err
		}
		p.receipt, info.content, info.export = &rc, davTaken, rc.Record.Export
	}
	info.size = counted.n
	return nil
}

// countedReader counts what is read.
type countedReader struct {
	r io.Reader
	n int64
}

// Read reads and counts.
func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
