// Package tokens keeps the tokens with which clients prove that they may upload
// and look: who holds one acts for one athlete, in one role, perhaps until a
// day. They live in one small file that holds SHA-256 sums only, so that nobody
// who reads it can use what it lists.
//
// A token is "plod_", its id, "_" and 256 random bits in base32. A plain
// SHA-256 is enough for those: what slow password hashes guard against is
// guessing, and there is nothing to guess in 256 random bits.
package tokens

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plodwatch/schema"
)

// Role is what the holder of a token may do.
type Role string

// The roles.
const (
	RoleUpload Role = "upload" // may upload, and see what became of the own athlete's uploads
	RoleRead   Role = "read"   // may only look, at the own athlete
	RoleAdmin  Role = "admin"  // may do everything, for every athlete
)

// valid reports whether r is one of the roles.
func (r Role) valid() bool { return r == RoleUpload || r == RoleRead || r == RoleAdmin }

// ErrRefused is wrapped by the errors of Check that are the client's fault; any
// other error of Check means that the tokens cannot be read.
var ErrRefused = errors.New("token refused")

// The reasons for which Check refuses; both wrap ErrRefused.
var (
	// ErrUnknown means that there is no such token: it never was, was revoked,
	// or is not a token at all. Revoke returns it too.
	ErrUnknown error = refusedError("no such token")
	// ErrExpired means that the token was right and its time is over.
	ErrExpired error = refusedError("token has expired")
)

// refusedError is a reason for ErrRefused.
type refusedError string

// Error returns the reason.
func (e refusedError) Error() string { return string(e) }

// Unwrap returns ErrRefused.
func (e refusedError) Unwrap() error { return ErrRefused }

// Token is what is known about a token. It holds neither the secret nor its
// sum, so that it may be printed and logged whole.
type Token struct {
	ID      string           // 8 characters of a-z and 2-7, not secret
	Athlete schema.AthleteID // whom its holder acts for
	Role    Role
	Note    string    // free text, for people
	Created time.Time // UTC, to the second
	Expires time.Time // UTC, the first moment at which it is refused; zero: never
}

// Expired reports whether the token's time is over at now.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// MayUpload reports whether the holder may upload at all.
func (t Token) MayUpload() bool { return t.Role == RoleUpload || t.Role == RoleAdmin }

// MayUploadFor reports whether the holder may upload as athlete a.
func (t Token) MayUploadFor(a schema.AthleteID) bool {
	return t.Role == RoleAdmin || t.Role == RoleUpload && t.Athlete == a
}

// MayReadFor reports whether the holder may look at what belongs to athlete a.
// Role upload sees what became of its uploads, which belong to its athlete.
func (t Token) MayReadFor(a schema.AthleteID) bool {
	return t.Role == RoleAdmin || t.Role.valid() && t.Athlete == a
}

// New describes a token to be made.
type New struct {
	Athlete schema.AthleteID // required, for an admin too: whom uploads that name nobody belong to
	Role    Role             // required
	Note    string           // at most 200 bytes of one line of text
	Expires time.Time        // zero: never; otherwise it must lie ahead
}

// maxNote bounds a note, in bytes.
const maxNote = 200

// validate names all faults of n at once.
func (n *New) validate(now time.Time) error {
	var faults []error
	if _, err := schema.ParseAthleteID(string(n.Athlete)); err != nil {
		faults = append(faults, err)
	}
	if !n.Role.valid() {
		faults = append(faults, fmt.Errorf("role %q: need upload, read or admin", clip(string(n.Role))))
	}
	if err := checkNote(n.Note); err != nil {
		faults = append(faults, err)
	}
	if e := n.Expires; !e.IsZero() && !now.Before(e) {
		faults = append(faults, fmt.Errorf("expires %s: that is over already", e.Format(time.RFC3339)))
	} else if e.UTC().Year() > 9999 {
		faults = append(faults, errors.New("expires: need a year before 10000"))
	}
	return errors.Join(faults...)
}

func checkNote(note string) error {
	switch {
	case len(note) > maxNote:
		return fmt.Errorf("note of %d bytes: at most %d are allowed", len(note), maxNote)
	case !utf8.ValidString(note):
		return errors.New("note: not valid UTF-8")
	case strings.ContainsFunc(note, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return errors.New("note: control characters and line breaks are not allowed")
	}
	return nil
}

// clip shortens foreign text for an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
