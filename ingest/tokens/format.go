package tokens

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"plodwatch/schema"
)

// The file is lines of JSON: a header with the number of tokens, so that a
// truncated file is not taken for one with fewer of them, and a line a token.
const (
	formatName    = "plodwatch-tokens"
	formatVersion = 1
	maxFile       = 4 << 20 // bytes; some ten thousand tokens
)

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Count   int    `json:"count"`
}

type line struct {
	ID      string `json:"id"`
	Athlete string `json:"athlete_id"`
	Role    Role   `json:"role"`
	Note    string `json:"note,omitempty"`
	Created string `json:"created"`
	Expires string `json:"expires,omitempty"`
	SHA256  string `json:"sha256"`
}

// entry is a token as it is stored.
type entry struct {
	Token

	sum sum
}

// encode writes entries in the form that decode reads.
func encode(entries []entry) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(header{formatName, formatVersion, len(entries)}); err != nil {
		return nil, fmt.Errorf("encode tokens: %w", err)
	}
	for i := range entries {
		e := &entries[i]
		l := line{
			ID: e.ID, Athlete: string(e.Athlete), Role: e.Role, Note: e.Note,
			Created: e.Created.Format(time.RFC3339Nano), SHA256: hex.EncodeToString(e.sum[:]),
		}
		if !e.Expires.IsZero() {
			l.Expires = e.Expires.Format(time.RFC3339Nano)
		}
		if err := enc.Encode(l); err != nil {
			return nil, fmt.Errorf("encode tokens: %w", err)
		}
	}
	if buf.Len() > maxFile {
		return nil, fmt.Errorf("encode tokens: %d bytes, at most %d are allowed: revoke tokens that are not needed", buf.Len(), maxFile)
	}
	return buf.Bytes(), nil
}

// decode reads what encode writes. Every error names the line, from 1, and none
// of them quotes a sum.
func decode(data []byte) ([]entry, error) {
	var h header
	first, rest, whole := bytes.Cut(data, []byte("\n"))
	if err := strictly(first, &h); err != nil {
		return nil, fmt.Errorf("line 1: not the header of a token file: %w", err)
	}
	if h.Format != formatName || h.Version != formatVersion {
		return nil, fmt.Errorf("line 1: format %q version %d: need %q version %d", clip(h.Format), h.Version, formatName, formatVersion)
	}
	var entries []entry
	seen := map[string]int{}
	n := 1
	for whole && len(rest) > 0 {
		n++
		var text []byte
		if text, rest, whole = bytes.Cut(rest, []byte("\n")); !whole {
			break
		}
		e, err := decodeLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if before, double := seen[e.ID]; double {
			return nil, fmt.Errorf("line %d: id %s stands in line %d already", n, e.ID, before)
		}
		seen[e.ID] = n
		entries = append(entries, e)
	}
	if !whole {
		return nil, fmt.Errorf("line %d: has no end; the file is cut off", n)
	}
	if len(entries) != h.Count {
		return nil, fmt.Errorf("line %d: the file ends here with %d tokens, but line 1 counts %d", n, len(entries), h.Count)
	}
	return entries, nil
}

func decodeLine(text []byte) (entry, error) {
	var l line
	if err := strictly(text, &l); err != nil {
		return entry{}, err
	}
	e := entry{Token: Token{ID: l.ID, Role: l.Role, Note: l.Note}}
	var err error
	if len(l.ID) != idLen || !isBase32(l.ID) {
		return e, fmt.Errorf("id %q: need %d characters of a-z and 2-7", clip(l.ID), idLen)
	}
	if e.Athlete, err = schema.ParseAthleteID(l.Athlete); err != nil {
		return e, err
	}
	if !l.Role.valid() {
		return e, fmt.Errorf("role %q: need upload, read or admin", clip(string(l.Role)))
	}
	if err := checkNote(l.Note); err != nil {
		return e, err
	}
	if e.Created, err = moment(l.Created); err != nil {
		return e, fmt.Errorf("created: %w", err)
	}
	if l.Expires != "" {
		if e.Expires, err = moment(l.Expires); err != nil {
			return e, fmt.Errorf("expires: %w", err)
		}
	}
	if n, err := hex.Decode(e.sum[:], []byte(l.SHA256[:min(len(l.SHA256), 2*len(e.sum))])); err != nil || n != len(e.sum) || len(l.SHA256) != 2*n {
		return e, fmt.Errorf("sha256: need %d hexadecimal digits", 2*len(e.sum))
	}
	return e, nil
}

// moment reads a time that encode can write again and that is not zero.
func moment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if t = t.UTC(); err != nil || t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, errors.New("need a time such as 2027-01-31T12:00:00Z")
	}
	return t, nil
}

// strictly reads one JSON value that has no unknown fields and nothing after it.
func strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("empty or cut off")
		}
		return fmt.Errorf("decode: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
