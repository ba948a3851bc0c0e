package tokens

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"plodwatch/schema"
)

// File is a token file. Any number of Files and processes may use the same one:
// each change is seen by the next Check of every other. Safe for concurrent use.
type File struct {
	path string
	now  func() time.Time

	last    atomic.Pointer[snapshot]
	loading sync.Mutex // one reads what has changed, the others wait for it
}

// snapshot is what a version of the file holds.
type snapshot struct {
	version version
	entries []entry        // in the order they were added
	byID    map[string]int // indices into entries
}

// version tells two states of the file apart. Our writers replace the file with
// one of a later mtime, so that even an inode that is used again is noticed.
type version struct {
	mtime int64 // Unix nanoseconds
	size  int64
	inode uint64
	mode  fs.FileMode
}

// Open returns the tokens in the file at path, which is read when it is first
// needed. A missing file means that there are no tokens. now is the clock by
// which tokens are created and expire.
func Open(path string, now func() time.Time) *File {
	return &File{path: path, now: now}
}

// List returns all tokens, expired ones too, in the order they were added.
func (f *File) List() ([]Token, error) {
	s, err := f.current()
	if err != nil {
		return nil, err
	}
	out := make([]Token, len(s.entries))
	for i := range s.entries {
		out[i] = s.entries[i].Token
	}
	return out, nil
}

// Any reports whether there is at least one token; expired ones count, so that
// a service does not open up when its last token expires.
func (f *File) Any() (bool, error) {
	s, err := f.current()
	return err == nil && len(s.entries) > 0, err
}

// Check returns the token that secret is. It looks at the file's metadata each
// time, and so knows of a token that was added or revoked a moment ago. The
// errors are ErrUnknown and ErrExpired, which wrap ErrRefused, and those of
// reading the file, which do not.
func (f *File) Check(secret string) (Token, error) {
	id, ok := idOf(secret)
	if !ok {
		return Token{}, ErrUnknown
	}
	s, err := f.current()
	if err != nil {
		return Token{}, err
	}
	var e entry // of an unknown id: no token has this sum
	i, known := s.byID[id]
	if known {
		e = s.entries[i]
	}
	given := sumOf(secret)
	if subtle.ConstantTimeCompare(given[:], e.sum[:]) != 1 || !known {
		return Token{}, ErrUnknown
	}
	if e.Expired(f.now()) {
		return Token{}, ErrExpired
	}
	return e.Token, nil
}

// Find returns the token with this id, for who has been shown its secret before:
// an id alone proves nothing. Like Check it knows of a token that was revoked a
// moment ago, and returns the same errors.
func (f *File) Find(id string) (Token, error) {
	s, err := f.current()
	if err != nil {
		return Token{}, err
	}
	i, known := s.byID[id]
	if !known {
		return Token{}, ErrUnknown
	}
	if s.entries[i].Expired(f.now()) {
		return Token{}, ErrExpired
	}
	return s.entries[i].Token, nil
}

// Add makes a token and returns it with its secret, which is not kept: only its
// SHA-256 is. Missing folders of the file are created, for this user only.
func (f *File) Add(n New) (Token, string, error) {
	now := f.now()
	if err := n.validate(now); err != nil {
		return Token{}, "", fmt.Errorf("add token: %w", err)
	}
	var t Token
	var secret string
	err := f.change(true, func(entries []entry) ([]entry, error) {
		id := newID()
		for has(entries, id) {
			id = newID()
		}
		t = Token{ID: id, Athlete: n.Athlete, Role: n.Role, Note: n.Note, Created: now.UTC().Truncate(time.Second)}
		if !n.Expires.IsZero() {
			t.Expires = n.Expires.UTC().Round(0)
		}
		secret = newSecret(id)
		return append(entries, entry{Token: t, sum: sumOf(secret)}), nil
	})
	if err != nil {
		return Token{}, "", fmt.Errorf("add token: %w", err)
	}
	return t, secret, nil
}

// Revoke forgets the token with this id; from then on Check refuses it. The
// error wraps ErrUnknown when there is none.
func (f *File) Revoke(id string) error {
	err := f.change(false, func(entries []entry) ([]entry, error) {
		if !has(entries, id) {
			return nil, ErrUnknown
		}
		return slices.DeleteFunc(entries, func(e entry) bool { return e.ID == id }), nil
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// RevokeAll forgets all tokens of an athlete, expired ones too, and returns how
// many there were.
func (f *File) RevokeAll(athlete schema.AthleteID) (int, error) {
	n := 0
	err := f.change(false, func(entries []entry) ([]entry, error) {
		rest := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.Athlete == athlete })
		n = len(entries) - len(rest)
		return rest, nil
	})
	if err != nil {
		return 0, fmt.Errorf("revoke tokens: %w", err)
	}
	return n, nil
}

func has(entries []entry, id string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.ID == id })
}

// current returns what the file holds now.
func (f *File) current() (*snapshot, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return &snapshot{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at token file: %w", err)
	}
	v := versionOf(info)
	if s := f.last.Load(); s != nil && s.version == v {
		return s, nil
	}
	f.loading.Lock()
	defer f.loading.Unlock()
	if s := f.last.Load(); s != nil && s.version == v {
		return s, nil
	}
	s, err := load(f.path)
	if err != nil {
		return nil, err
	}
	f.last.Store(s)
	return s, nil
}

// load reads the file at path; where there is none it holds no tokens.
func load(path string) (*snapshot, error) {
	// A pipe would block when it is opened, were it not for O_NONBLOCK.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &snapshot{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open token file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at token file: %w", err)
	}
	if err := fit(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read token file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read token file %s: more than %d bytes", path, maxFile)
	}
	entries, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read token file %s: %w", path, err)
	}
	s := &snapshot{version: versionOf(info), entries: entries, byID: make(map[string]int, len(entries))}
	for i := range entries {
		s.byID[entries[i].ID] = i
	}
	return s, nil
}

// fit refuses what nobody should take tokens from. Those who may read the file
// learn no token; those who may write to it could add one.
func fit(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("read token file %s: not a regular file", path)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("read token file %s: everybody may write to it (mode %04o); chmod 600 mends that", path, info.Mode().Perm())
	}
	return nil
}

func versionOf(info fs.FileInfo) version {
	v := version{mtime: info.ModTime().UnixNano(), size: info.Size(), mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		v.inode = st.Ino
	}
	return v
}
