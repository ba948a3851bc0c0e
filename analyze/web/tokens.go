package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Where tokens are made and revoked.
const (
	pathTokens = "/a/{athlete}/athlete/tokens"
	pathRevoke = "/a/{athlete}/athlete/tokens/{token}/revoke"
)

// addToken makes a token and shows its secret, this once.
func (w *Web) addToken(v *visit) error {
	if w.deps.Tokens == nil {
		return errNotFound
	}
	if err := v.r.ParseForm(); err != nil {
		return err
	}
	n := NewToken{Athlete: v.athlete, Role: v.r.PostForm.Get("role"), Note: strings.TrimSpace(v.r.PostForm.Get("note"))}
	made, secret, err := Token{}, "", error(nil)
	if text := strings.TrimSpace(v.r.PostForm.Get("days")); text != "" {
		var days uint64
		if days, err = strconv.ParseUint(text, 10, 16); err == nil && days > 0 {
			n.Expires = w.deps.Now().Truncate(time.Second).Add(time.Duration(days) * 24 * time.Hour) //nolint:gosec // 16 bits
		} else {
			err = inputError("The number of days must be from 1 to 65535, or empty for no end.")
		}
	}
	if err == nil {
		made, secret, err = w.deps.Tokens.Add(n)
	}
	if err != nil {
		v.status = http.StatusBadRequest
	}
	data, failed := w.athleteOf(v)
	if failed != nil {
		return failed
	}
	if err != nil {
		data.TokenFault = err.Error()
	}
	data.Made, data.Secret = made, secret
	return v.render("athlete", "Athletes", data)
}

// revokeToken takes a token back.
func (w *Web) revokeToken(v *visit) error {
	if w.deps.Tokens == nil {
		return errNotFound
	}
	if err := w.deps.Tokens.Revoke(v.r.PathValue("token")); err != nil {
		return err
	}
	page, _, _ := strings.Cut(v.r.URL.Path, "/tokens/")
	http.Redirect(v.w, v.r, page+"#tokens", http.StatusSeeOther)
	return nil
}

// Ends says until when a token works.
func (t Token) Ends() string {
	switch {
	case t.Expires.IsZero():
		return "no end"
	case t.Expired:
		return "ended " + t.Expires.UTC().Format(time.DateOnly)
	}
	return "until " + t.Expires.UTC().Format(time.DateOnly)
}
