package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// maxFiles is how many files one message may name.
const maxFiles = 1000

// order is a file to download, as it waits in the queue.
type order struct {
	Athlete schema.AthleteID `json:"athlete"`
	URL     string           `json:"url"`
	// Tried is how many tries had failed before it was queued in this form.
	Tried int `json:"tried,omitempty"`
}

// errOrder says that a message in the queue is not one of ours.
var errOrder = errors.New("not a file to download")

func decodeOrder(data []byte) (order, error) {
	var o order
	// What the decoder says may quote the message.
	if err := json.Unmarshal(data, &o); err != nil || o.URL == "" || o.Tried < 0 {
		return order{}, errOrder
	}
	if _, err := schema.ParseAthleteID(string(o.Athlete)); err != nil {
		return order{}, errOrder
	}
	return o, nil
}

// PeekOrder returns whose a queued download is and the host it is to come
// from, for people: the rest of the address may hold a secret. What is no such
// message is an error that quotes nothing of it.
func PeekOrder(data []byte) (athlete schema.AthleteID, host string, err error) {
	o, err := decodeOrder(data)
	if err != nil {
		return "", "", fmt.Errorf("read order: %w", err)
	}
	if u, err := url.Parse(o.URL); err == nil {
		host = u.Hostname()
	}
	return o.Athlete, host, nil
}

// message is the order as it is queued for a signed message. The same file in
// the same message is queued once.
func (o order) message(signed string) (streams.Message, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return streams.Message{}, fmt.Errorf("write order: %w", err)
	}
	sum := sha256.Sum256([]byte("plodwatch pull\x00" + signed + "\x00" + string(o.Athlete) + "\x00" + o.URL))
	id := hex.EncodeToString(sum[:16])
	return streams.Message{Subject: streams.PullSubject(id), Data: data, Once: true, IgnoreQueued: true, ID: id}, nil
}

// notice is what a signed message says: Garmin's form and a plain one.
type notice struct {
	ActivityFiles []struct {
		UserID      string `json:"userId"`
		CallbackURL string `json:"callbackURL"`
	} `json:"activityFiles"`
	Files []struct {
		Athlete string `json:"athlete"`
		URL     string `json:"url"`
	} `json:"files"`
}

// Why a message that is believed is refused.
const (
	reasonMalformed = "malformed_json"
	reasonNoFiles   = "no_files"
	reasonManyFiles = "too_many_files"
	reasonAthlete   = "athlete"
)

// refusedFile is a file of a message that can never be downloaded. Index is
// its place, those of activityFiles before those of files.
type refusedFile struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// orders returns the files of a notice, or those that are refused.
func (n *notice) orders(rules Rules, athletes map[string]schema.AthleteID) (all []order, refused []refusedFile) {
	take := func(athlete, url string) {
		_, reason := rules.parse(url)
		id, err := schema.ParseAthleteID(athlete)
		switch {
		case reason != "":
		case err != nil:
			reason = reasonAthlete
		default:
			all = append(all, order{Athlete: id, URL: url})
			return
		}
		refused = append(refused, refusedFile{Index: len(all) + len(refused), Reason: reason})
	}
	for _, f := range n.ActivityFiles {
		if athlete, ok := athletes[f.UserID]; ok {
			take(string(athlete), f.CallbackURL)
		} else {
			take(f.UserID, f.CallbackURL)
		}
	}
	for _, f := range n.Files {
		take(f.Athlete, f.URL)
	}
	return all, refused
}
