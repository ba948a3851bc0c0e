package pull

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a signed message, after Standard Webhooks 1.0.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

const (
	// tolerance is how far a message's timestamp may be from our clock.
	tolerance = 5 * time.Minute

	minSecretBytes = 16
	maxIDBytes     = 256
	maxSignatures  = 16
)

// Why a message is not believed.
const (
	reasonUnsigned  = "missing_header"
	reasonBadHeader = "malformed_header"
	reasonTooOld    = "too_old"
	reasonTooNew    = "too_new"
	reasonSignature = "wrong_signature"
	reasonReplayed  = "replayed"
)

// errSecret never shows what it is about.
var errSecret = errors.New("need whsec_ and at least 16 bytes in base64")

// parseSecret reads a secret in the form "whsec_<base64>".
func parseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) < minSecretBytes {
		return nil, errSecret
	}
	return key, nil
}

// ReadSecrets reads secrets ("whsec_<base64>"), one a line; empty lines and
// those that begin with # do not count. Several are for the time while one
// replaces another. Errors name the line and never show it.
func ReadSecrets(r io.Reader) ([]string, error) {
	var secrets []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if _, err := parseSecret(line); err != nil {
			return nil, fmt.Errorf("read secrets: line %d: %w", n, err)
		}
		secrets = append(secrets, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("read secrets: there is none: %w", errSecret)
	}
	return secrets, nil
}

// stamp is what a message says of itself. Only with a right signature is it
// true.
type stamp struct {
	id         string
	seconds    int64 // when it was signed, Unix
	signatures []string
}

// readStamp reads the headers of a signed message and returns why they are
// not to be taken, or "".
func readStamp(header http.Header, now time.Time) (s stamp, reason string) {
	s.id = header.Get(headerID)
	seconds := header.Get(headerTimestamp)
	s.signatures = strings.Fields(header.Get(headerSignature))
	if s.id == "" || seconds == "" || len(s.signatures) == 0 {
		return s, reasonUnsigned
	}
	var err error
	s.seconds, err = strconv.ParseInt(seconds, 10, 64)
	// One number, one text: else the same message could come in other forms.
	if err != nil || strconv.FormatInt(s.seconds, 10) != seconds || len(s.id) > maxIDBytes || len(s.signatures) > maxSignatures {
		return s, reasonBadHeader
	}
	switch t := time.Unix(s.seconds, 0); {
	case t.Before(now.Add(-tolerance)):
		return s, reasonTooOld
	case t.After(now.Add(tolerance)):
		return s, reasonTooNew
	}
	return s, ""
}

// signedBy reports whether one of the signatures was made over body with one
// of the keys.
func (s *stamp) signedBy(keys [][]byte, body []byte) bool {
	found := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(s.id + "." + strconv.FormatInt(s.seconds, 10) + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, text := range s.signatures {
			encoded, ok := strings.CutPrefix(text, "v1,")
			given, err := base64.StdEncoding.Strict().DecodeString(encoded)
			if ok && err == nil && hmac.Equal(given, want) {
				found = true
			}
		}
	}
	return found
}
