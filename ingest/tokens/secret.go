package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	prefix      = "plod_" // lets scanners find leaked tokens, and people know what they hold
	idBytes     = 5
	secretBytes = 32
	alphabet    = "abcdefghijklmnopqrstuvwxyz234567"
	idLen       = 8  // of idBytes in base32
	secretLen   = 52 // of secretBytes in base32
)

// sum is the SHA-256 of a whole token, "plod_" included.
type sum [sha256.Size]byte

func sumOf(secret string) sum { return sha256.Sum256([]byte(secret)) }

// newID returns a random id, which need not be unique.
func newID() string { return random(idBytes) }

// newSecret returns a token with this id.
func newSecret(id string) string { return prefix + id + "_" + random(secretBytes) }

// random returns n random bytes in base32. The reader never fails: crypto/rand
// ends the process instead.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base32.NewEncoding(alphabet).WithPadding(base32.NoPadding).EncodeToString(b)
}

// idOf returns the id within a token, and whether secret has a token's form.
func idOf(secret string) (string, bool) {
	rest, ok := strings.CutPrefix(secret, prefix)
	if !ok || len(rest) != idLen+1+secretLen || rest[idLen] != '_' {
		return "", false
	}
	id := rest[:idLen]
	return id, isBase32(id) && isBase32(rest[idLen+1:])
}

func isBase32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
