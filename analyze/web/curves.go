package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// How many stretches of time a curve is thinned to: for scripts, which draw
// the width of a screen and more, and for the picture in the page.
const (
	stretchesOfScripts = 500
	stretchesOfPicture = 160
)

// curveData is what the scripts of the page draw.
type curveData struct {
	Started  string      `json:"started"` // local time, RFC 3339
	Elapsed  float64     `json:"elapsed_s"`
	HR       line        `json:"hr"`
	Rejected line        `json:"rejected"`
	Speed    line        `json:"speed"` // km/h
	Pace     bool        `json:"pace"`  // show the speed as min/km
	Bounds   []bound     `json:"bounds"`
	Excluded []exclusion `json:"excluded"`
}

// line is a curve as two columns; null breaks it.
type line struct {
	T []float64  `json:"t"`
	V []*float64 `json:"v"`
}

// bound is a heart rate that decides something.
type bound struct {
	BPM  float64 `json:"bpm"`
	Name string  `json:"name"`
	Kind string  `json:"kind"`
}

// exclusion is a stretch that counts in no zone.
type exclusion struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Cause string  `json:"cause"`
}

// curvesOf makes the curves of a session that was worked out again.
func curvesOf(x *analyze.Explained, stretches int) *curveData {
	s, m := &x.Env.Session, x.Measured
	c := &curveData{
		Started:  time.UnixMilli(s.StartMs).In(time.FixedZone("", int(x.Inputs.UTCOffsetS))).Format(time.RFC3339),
		Elapsed:  seconds(m.Budget.ElapsedMs),
		Pace:     onFoot(s.Sport),
		Bounds:   boundsOf(&x.Result),
		Excluded: []exclusion{},
	}
	hr, rejected := heartRates(s, m)
	c.HR, c.Rejected = lineOf(thin(hr, stretches), 0), lineOf(thin(rejected, stretches), 0)
	c.Speed = lineOf(thin(speeds(s, m), stretches), 2)
	for _, e := range m.Excluded {
		c.Excluded = append(c.Excluded, exclusion{seconds(e.FromMs - s.StartMs), seconds(e.ToMs - s.StartMs), string(e.Cause)})
	}
	c.Excluded = widest(c.Excluded, c.Elapsed/float64(stretches))
	return c
}

// widest leaves out the exclusions that are narrower than can be seen, when
// there are very many.
func widest(all []exclusion, least float64) []exclusion {
	const few = 200
	if len(all) <= few {
		return all
	}
	kept := all[:0]
	for _, e := range all {
		if e.To-e.From >= least {
			kept = append(kept, e)
		}
	}
	return kept
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// onFoot reports whether people say how fast they were as time per kilometre.
func onFoot(s schema.Sport) bool {
	return s == schema.SportRunning || s == schema.SportWalking || s == schema.SportHiking
}

// heartRates returns the heart rates that count and those that do not.
func heartRates(s *schema.Session, m *intensity.Measured) (hr, rejected []point) {
	holes := holesOf(s, m)
	for i, ms := range s.Samples.TimeMs {
		t := seconds(ms - s.StartMs)
		hr = holes.before(hr, t)
		v := math.NaN()
		if s.Samples.HeartRate != nil {
			switch m.HRFlags[i] {
			case schema.HROK:
				v = float64(s.Samples.HeartRate[i])
			case schema.HRSpike, schema.HROutOfRange:
				rejected = append(rejected, point{t, float64(s.Samples.HeartRate[i])})
			}
		}
		hr = append(hr, point{t, v})
	}
	return hr, rejected
}

// speeds returns the speed in km/h.
func speeds(s *schema.Session, m *intensity.Measured) []point {
	if m.SpeedMMps == nil {
		return nil
	}
	holes := holesOf(s, m)
	all := make([]point, 0, len(m.SpeedMMps))
	for i, v := range m.SpeedMMps {
		p := point{seconds(s.Samples.TimeMs[i] - s.StartMs), math.NaN()}
		all = holes.before(all, p.T)
		if v != schema.Missing {
			p.V = float64(v) * 3.6 / 1000
		}
		all = append(all, p)
	}
	return all
}

// holes are the instants within pauses and gaps, at which no line is to be
// drawn.
type holes struct {
	at []float64 // seconds since the start, ascending
}

func holesOf(s *schema.Session, m *intensity.Measured) *holes {
	h := &holes{}
	for _, e := range m.Excluded {
		if e.Cause == intensity.CausePaused || e.Cause == intensity.CauseGap {
			h.at = append(h.at, seconds((e.FromMs+e.ToMs)/2-s.StartMs))
		}
	}
	return h
}

// before breaks the line at the holes that lie before t.
func (h *holes) before(all []point, t float64) []point {
	for len(h.at) > 0 && h.at[0] < t {
		all = append(all, point{h.at[0], math.NaN()})
		h.at = h.at[1:]
	}
	return all
}

// boundsOf returns the heart rates that decide, in ascending order.
func boundsOf(r *intensity.Result) []bound {
	all := []bound{}
	if r.CapBPM > 0 {
		all = append(all, bound{r.CapBPM, "60 % of max, the cap", "cap"})
		if r.CapBPM < 0.6*r.HRMax {
			all[0].Name = "the return-to-run cap"
		}
	}
	if r.ThresholdSource != intensity.ThresholdNone {
		all = append(all, bound{r.VT1, "VT1: low ends", "vt1"}, bound{r.VT2, "VT2: high begins", "vt2"})
	}
	return all
}

// lineOf writes points as columns, values with so many decimals.
func lineOf(points []point, decimals int) line {
	l := line{T: make([]float64, len(points)), V: make([]*float64, len(points))}
	scale := math.Pow10(decimals)
	for i, p := range points {
		l.T[i] = math.Round(p.T*10) / 10
		if !math.IsNaN(p.V) {
			v := math.Round(p.V*scale) / scale
			l.V[i] = &v
		}
	}
	return l
}

// curves answers with the curves of a session as JSON. Browsers keep them and
// ask whether they are still the same.
func (w *Web) curves(v *visit) error {
	key, err := v.sessionKey()
	if err != nil {
		return err
	}
	tag, err := v.sessionTag(key)
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "private, no-cache")
	v.w.Header().Set("ETag", tag)
	v.w.Header().Set("Content-Type", "application/json")
	if v.r.Header.Get("If-None-Match") == tag {
		v.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	x, err := v.explained(key)
	if err != nil {
		return err
	}
	data, err := json.Marshal(curvesOf(x, stretchesOfScripts))
	if err != nil {
		return fmt.Errorf("write curves: %w", err)
	}
	http.ServeContent(v.w, v.r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

// sessionTag is another one whenever the session was analyzed again, its
// athlete's settings changed, or plodwatch did.
func (v *visit) sessionTag(key analyze.SessionKey) (string, error) {
	const query = `SELECT (SELECT toString(max(version)) FROM sessions_versions WHERE athlete_id = {athlete:String} AND session_id = {session:UUID}) AS session,
		(SELECT toString(max(version)) FROM intensity_versions WHERE athlete_id = {athlete:String} AND session_id = {session:UUID}) AS intensity,
		(SELECT toString(max(version)) FROM athlete_settings_versions WHERE athlete_id = {athlete:String}) AS settings`
	var rows []struct {
		Session   string `ch:"session"`
		Intensity string `ch:"intensity"`
		Settings  string `ch:"settings"`
	}
	if err := v.sql(&rows, query, sessionParameters(key)); err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(rows[0].Session + " " + rows[0].Intensity + " " + rows[0].Settings + " " + v.web.assets.sum + " " + v.web.cfg.Version +
		" " + strconv.FormatUint(uint64(intensity.RulesVersion), 10)))
	return `"` + hex.EncodeToString(sum[:12]) + `"`, nil
}
