package ingest

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"plodwatch/schema"
)

const (
	// maxDirectoryBytes bounds the directory of a zip: 20,000 members with
	// long names need about 8 MiB.
	maxDirectoryBytes = 12 << 20
	// maxArchiveDepth is how many zips an activity may lie in: the accounts
	// that Garmin exports are zips of zips.
	maxArchiveDepth = 2
)

// member is one file in a zip that is taken as an export of its own. It is
// valid until the function it was given to returns.
type member struct {
	index int    // position in the zip's directory
	name  string // may hold an e-mail address: never to be logged or stored
	size  int64  // as the directory says
	r     io.Reader
	guard *guard
}

// refused returns why reading the member was given up, nil when it was not.
func (m *member) refused() *schema.Refusal { return m.guard.refusal }

// expansion counts what was in a zip.
type expansion struct {
	files   int // members that are no directories
	taken   int
	ignored int // litter, routes and files of other kinds
	locked  int // encrypted, or compressed in a way unknown
	refused int // beyond a limit, not taken
	damaged int // taken as far as they could be read
	left    int // not looked at because a limit of the archive was met
	bombs   int // of the refused: compression bombs
}

// outcome says how the archive as a whole went.
func (e *expansion) outcome() (schema.Outcome, schema.Reason, []schema.Flag) {
	switch {
	case e.bombs > 0 && e.taken == 0:
		return schema.OutcomeRejected, schema.ReasonBomb, nil
	case e.refused > 0 && e.taken == 0:
		return schema.OutcomeRejected, schema.ReasonTooLarge, nil
	case e.left > 0, e.refused > 0:
		return schema.OutcomeSalvaged, schema.ReasonOverBudget, []schema.Flag{schema.FlagBudget}
	case e.damaged > 0, e.locked > 0:
		return schema.OutcomeSalvaged, schema.ReasonCorrupt, []schema.Flag{schema.FlagCorrupt}
	}
	return schema.OutcomeDecoded, schema.ReasonArchive, nil
}

// detail counts the members for people.
func (e *expansion) detail() string {
	parts := []string{fmt.Sprintf("%d of %d members taken", e.taken, e.files)}
	for _, c := range []struct {
		n    int
		what string
	}{
		{e.ignored, "of other kinds ignored"},
		{e.locked, "encrypted or compressed in an unknown way"},
		{e.bombs, "refused as compression bombs"},
		{e.refused - e.bombs, "refused as too large"},
		{e.damaged, "damaged"},
		{e.left, "beyond the limit left out"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

// expand calls each for every member of a zip that looks like an export. An
// error of each ends it and comes back; a zip that cannot be read is a
// *schema.Refusal; errors of ra come back wrapped.
func (u *unpacker) expand(ctx context.Context, ra io.ReaderAt, size int64, each func(*member) error) (*expansion, error) {
	below := &watchedAt{ra: ra, left: maxDirectoryBytes, limited: true}
	zr, err := zip.NewReader(below, size)
	switch {
	case below.err != nil:
		return nil, fmt.Errorf("read zip directory: %w", below.err)
	case below.left < 0:
		return nil, schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("zip directory of more than %d bytes", int64(maxDirectoryBytes)))
	case err != nil:
		return nil, schema.Reject(schema.ReasonMalformed, "zip directory cannot be read")
	}
	below.limited = false
	e, left := &expansion{}, u.cfg.MaxArchiveBytes
	for i, f := range zr.File {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read zip member %d: %w", i, err)
		}
		if f.FileInfo().IsDir() {
			continue
		}
		e.files++
		if memberIsLitter(f.Name) || memberIsRoute(f.Name) {
			e.ignored++
			continue
		}
		if e.taken >= u.cfg.MaxMembers || left <= 0 {
			e.left++
			continue
		}
		n, err := u.member(e, i, f, left, each)
		left -= n
		if below.err != nil {
			return nil, fmt.Errorf("read zip member %d: %w", i, below.err)
		}
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

// member hands one member to each and returns how many bytes it unpacked to.
func (u *unpacker) member(e *expansion, i int, f *zip.File, left int64, each func(*member) error) (int64, error) {
	const encrypted = 1
	if f.Flags&encrypted != 0 || f.Method != zip.Store && f.Method != zip.Deflate {
		e.locked++
		return 0, nil
	}
	rc, err := f.Open()
	if err != nil { // its local header is not where the directory says
		e.damaged++
		return 0, nil //nolint:nilerr // counted; errors of the file below are checked by the caller
	}
	defer rc.Close()                      //nolint:errcheck // closes a decompressor
	packed := int64(f.CompressedSize64)   //nolint:gosec // at most the size of the zip
	claims := int64(f.UncompressedSize64) //nolint:gosec // a nonsensical claim is handled as any other
	g := &guard{
		in: rc, consumed: func() int64 { return packed },
		most: min(u.cfg.MaxExportBytes, left), ratio: u.cfg.MaxRatio,
	}
	br, kind, err := sniffed(g)
	if err != nil && g.refusal == nil {
		return g.n, fmt.Errorf("read zip member %d: %w", i, err)
	}
	if g.refusal == nil && kind == KindUnknown && !namedLikeActivity(f.Name) {
		e.ignored++
		return g.n, nil
	}
	if kind != KindZip {
		g.most = min(g.most, u.cfg.MaxPayloadBytes)
	}
	m := &member{index: i, name: f.Name, size: claims, r: br, guard: g}
	if err := offer(m, each); err != nil {
		return g.n, err
	}
	switch {
	case g.refusal != nil:
		e.refused++
		if g.refusal.Reason == schema.ReasonBomb {
			e.bombs++
		}
	default:
		e.taken++
		if g.damage != nil {
			e.damaged++
		}
	}
	return g.n, nil
}

// offer gives a member to each. That it was refused while each read it is no
// error.
func offer(m *member, each func(*member) error) error {
	if m.guard.stopped() {
		return nil
	}
	err := each(m)
	if m.guard.stopped() {
		return nil
	}
	return err
}

// watchedAt remembers the first error of the file below a zip, so that it is
// not taken for damage of the zip, and bounds what is read of the directory.
type watchedAt struct {
	ra      io.ReaderAt
	left    int64
	limited bool
	err     error
}

func (w *watchedAt) ReadAt(p []byte, off int64) (int, error) {
	if w.limited {
		if w.left -= int64(len(p)); w.left < 0 {
			return 0, errRefused
		}
	}
	if off < 0 { // the directory says so: damage, not an error of the file
		return 0, zip.ErrFormat
	}
	n, err := w.ra.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) && w.err == nil {
		w.err = err
	}
	return n, err
}

// spool copies r to a temporary file. The file has no name any more where the
// system allows that; done releases it.
func (u *unpacker) spool(r io.Reader) (f *os.File, n int64, done func(), err error) {
	f, err = os.CreateTemp(u.cfg.TempDir, "plodwatch-zip-*")
	if err != nil {
		return nil, 0, nil, fmt.Errorf("make temporary file: %w", err)
	}
	done = func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	if n, err = io.Copy(f, r); err != nil {
		done()
		return nil, 0, nil, fmt.Errorf("copy zip to a temporary file: %w", err)
	}
	return f, n, done, nil
}
