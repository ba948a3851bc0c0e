package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrBadID is wrapped by the Parse functions of this file when the text is not
// a valid identity.
var ErrBadID = errors.New("invalid identity")

// DefaultAthlete is the athlete a file belongs to when nothing says otherwise.
const DefaultAthlete AthleteID = "me"

// AthleteID names an athlete: 1 to 64 characters of [A-Za-z0-9_-], so that it
// can stand in a NATS subject, a folder name and an SQL literal unchanged.
type AthleteID string

// ParseAthleteID checks s and returns it as an AthleteID, or an error that
// wraps ErrBadID and says what is allowed.
func ParseAthleteID(s string) (AthleteID, error) {
	if s == "" || len(s) > 64 {
		return "", fmt.Errorf("athlete %q: need 1 to 64 characters: %w", clip(s), ErrBadID)
	}
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return "", fmt.Errorf("athlete %q: only letters, digits, '_' and '-' are allowed: %w", clip(s), ErrBadID)
		}
	}
	return AthleteID(s), nil
}

// ExportID is the SHA-256 of an export's original bytes.
type ExportID [sha256.Size]byte

// ExportIDOf returns the identity of an export with these bytes.
func ExportIDOf(data []byte) ExportID { return sha256.Sum256(data) }

// ParseExportID reads the 64 hexadecimal digits that String writes.
func ParseExportID(s string) (ExportID, error) {
	var id ExportID
	if n, err := hex.Decode(id[:], []byte(s)); len(s) != 2*len(id) || err != nil || n != len(id) {
		return ExportID{}, fmt.Errorf("export id %q: need 64 hexadecimal digits: %w", clip(s), ErrBadID)
	}
	return id, nil
}

// String returns the identity as 64 lower-case hexadecimal digits.
func (id ExportID) String() string { return hex.EncodeToString(id[:]) }

// JobID identifies one export of one athlete: the same bytes handed in for two
// athletes are two jobs over one blob.
type JobID [16]byte

// JobIDOf derives the identity of the job for athlete and export.
func JobIDOf(athlete AthleteID, export ExportID) JobID {
	h := sha256.New()
	h.Write([]byte("plodwatch job\x00" + string(athlete) + "\x00"))
	h.Write(export[:])
	var id JobID
	copy(id[:], h.Sum(nil))
	return id
}

// UploadID returns the first 53 bits of the identity, which every JSON reader
// takes without loss: the number by which the gate speaks of an upload.
func (id JobID) UploadID() int64 {
	return int64(binary.BigEndian.Uint64(id[:8]) >> 11) //nolint:gosec // 53 bits
}

// ParseJobID reads the 32 hexadecimal digits that String writes.
func ParseJobID(s string) (JobID, error) {
	var id JobID
	if n, err := hex.Decode(id[:], []byte(s)); len(s) != 2*len(id) || err != nil || n != len(id) {
		return JobID{}, fmt.Errorf("job id %q: need 32 hexadecimal digits: %w", clip(s), ErrBadID)
	}
	return id, nil
}

// String returns the identity as 32 lower-case hexadecimal digits.
func (id JobID) String() string { return hex.EncodeToString(id[:]) }

// SessionID identifies a session. It is derived from what was decoded, so that
// repeated work writes the same rows, and prints as a UUID (version 8).
type SessionID [16]byte

// SessionIDOf derives the identity of the ordinal-th session (from 0) that the
// decoded payload holds for athlete. The payload is the innermost content (the
// FIT or GPX bytes): the same activity gzipped and plain is the same session.
func SessionIDOf(athlete AthleteID, payload ExportID, ordinal int) SessionID {
	h := sha256.New()
	h.Write([]byte("plodwatch session\x00" + string(athlete) + "\x00"))
	h.Write(payload[:])
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(ordinal)) //nolint:gosec // ordinals are small and not negative
	h.Write(n[:])
	var id SessionID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ActivityID returns 53 bits of the identity, its last but three, which every
// JSON reader takes without loss: the number by which the gate speaks of a
// session.
func (id SessionID) ActivityID() int64 {
	return int64(binary.BigEndian.Uint64(id[8:]) << 8 >> 11) //nolint:gosec // 53 bits
}

// String returns the identity in the 8-4-4-4-12 form of a UUID, lower case.
func (id SessionID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
	return string(b[:])
}

// ParseSessionID reads the form that String writes.
func ParseSessionID(s string) (SessionID, error) {
	var id SessionID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("session id %q: need the form 8-4-4-4-12: %w", clip(s), ErrBadID)
	}
	digits := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return SessionID{}, fmt.Errorf("session id %q: not hexadecimal: %w", clip(s), ErrBadID)
	}
	return id, nil
}

// MarshalText writes what String returns, so that logs and JSON show it.
func (id ExportID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes; errors are those of ParseExportID.
func (id *ExportID) UnmarshalText(text []byte) error {
	parsed, err := ParseExportID(string(text))
	*id = parsed
	return err
}

// MarshalText writes what String returns, so that logs and JSON show it.
func (id SessionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes; errors are those of ParseSessionID.
func (id *SessionID) UnmarshalText(text []byte) error {
	parsed, err := ParseSessionID(string(text))
	*id = parsed
	return err
}

// MarshalText writes what String returns, so that logs and JSON show it.
func (id JobID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// clip shortens foreign text for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
