package upload

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// stravaUpload is Strava's "Upload Activity" (POST /uploads), and the same
// with the file as the body.
func (g *Gate) stravaUpload(w http.ResponseWriter, r *http.Request, c caller) error {
	rc, err := g.take(w, r, c, "")
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, g.afterUpload(r.Context(), &rc))
	return nil
}

// stravaStatus is Strava's "Get Upload" (GET /uploads/{id}).
func (g *Gate) stravaStatus(w http.ResponseWriter, r *http.Request, c caller) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 0 {
		return refuse(http.StatusNotFound, "id", "not found", "there is no such upload")
	}
	record, err := g.find(r.Context(), c, id)
	if err != nil {
		return err
	}
	b, err := g.status(r.Context(), record)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, b)
	return nil
}

// intervalsBody is how intervals.icu answers an upload.
type intervalsBody struct {
	Athlete    string              `json:"icu_athlete_id"`
	ID         string              `json:"id"`
	Activities []intervalsActivity `json:"activities"`
}

type intervalsActivity struct {
	Athlete string `json:"icu_athlete_id"`
	ID      string `json:"id"`
}

// intervalsUpload takes what scripts for intervals.icu send. Athlete 0 is the
// token's own, and so is i0; another id is taken as it is.
func (g *Gate) intervalsUpload(w http.ResponseWriter, r *http.Request, c caller) error {
	athlete := r.PathValue("id")
	if athlete == "0" || athlete == "i0" {
		athlete = ""
	}
	rc, err := g.take(w, r, c, athlete)
	if err != nil {
		return err
	}
	b := g.afterUpload(r.Context(), &rc)
	answer(w, http.StatusCreated, intervalsBody{
		Athlete: b.Athlete, ID: b.IDStr, Activities: []intervalsActivity{{Athlete: b.Athlete, ID: b.IDStr}},
	})
	return nil
}

// loginBody is how Endurain answers a sign-in of its app.
type loginBody struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	SessionID    string `json:"session_id"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
}

// endurainLogin signs in whoever sends a token as the password, and hands the
// same token out. The name is not looked at.
func (g *Gate) endurainLogin(w http.ResponseWriter, r *http.Request, _ caller) error {
	secret, err := passwordIn(w, r)
	if err != nil {
		return err
	}
	c, err := g.check(secret)
	if err != nil {
		return err
	}
	const unlimited = 365 * 24 * time.Hour
	left := unlimited
	if !c.token.Expires.IsZero() {
		left = min(left, c.token.Expires.Sub(g.deps.Now()))
	}
	answer(w, http.StatusOK, loginBody{
		AccessToken: secret, RefreshToken: secret, TokenType: "bearer", SessionID: c.token.ID, ExpiresIn: int64(left / time.Second),
	})
	return nil
}

// passwordIn returns the password of a form or of a JSON object.
func passwordIn(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxText)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/json" {
		var b struct {
			Password string `json:"password"`
		}
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			return "", refuse(http.StatusBadRequest, "password", "invalid", "the body is no JSON object with username and password")
		}
		return b.Password, nil
	}
	// A form without files has its errors from ParseForm alone.
	if err = r.ParseForm(); err == nil && isMultipart(r) {
		err = r.ParseMultipartForm(maxText)
	}
	if err != nil {
		return "", refuse(http.StatusBadRequest, "password", "invalid", "the body is no form with username and password")
	}
	return strings.TrimSpace(r.PostFormValue("password")), nil
}

// endurainUpload takes what apps for Endurain send.
func (g *Gate) endurainUpload(w http.ResponseWriter, r *http.Request, c caller) error {
	rc, err := g.take(w, r, c, "")
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, []*uploadBody{g.afterUpload(r.Context(), &rc)})
	return nil
}

// importUpload takes what FitoTrack's export sends, and any program's raw
// body with the token in the query.
func (g *Gate) importUpload(w http.ResponseWriter, r *http.Request, c caller) error {
	switch r.PathValue("program") {
	case "generic", "fitotrack":
	default:
		return refuse(http.StatusNotFound, "program", "not found", "programs are generic and fitotrack")
	}
	rc, err := g.take(w, r, c, "")
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, g.afterUpload(r.Context(), &rc))
	return nil
}
