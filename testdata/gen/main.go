// Command gen writes plodwatch's test files: the small activities with known
// answers that are kept in testdata/activities, and corpora of any size for
// benchmarks and crash tests.
//
//	go run ./testdata/gen activities --out testdata/activities
//	go run ./testdata/gen corpus --out DIR --files 1000 --minutes 60 --seed 1
//	go run ./testdata/gen season --out DIR --seed 1 --from 2023-01-02
//
// A corpus's truth (samples, sum of heart rates, distance and SHA-256 of every
// file) goes to DIR.tsv, beside the folder, so that the folder holds nothing
// but FIT files. A season is one athlete's life over two years; beside its
// folder stand DIR.tsv with what is true of each session, DIR.weeks.tsv of each
// week, DIR.log.csv with the athlete's log and DIR.plan.csv with the easy days.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"plodwatch/testdata/gen/activity"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	if len(args) == 0 {
		return errors.New("need a command: activities, corpus or season")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	out := flags.String("out", filepath.Join("testdata", "activities"), "folder to write to")
	switch args[0] {
	case "activities":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return writeActivities(*out)
	case "corpus":
		files := flags.Int("files", 1000, "how many files")
		minutes := flags.Int("minutes", 60, "length of every run")
		seed := flags.Uint64("seed", 1, "same seed, same files")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return writeCorpus(*out, *files, *minutes, *seed)
	case "season":
		seed := flags.Uint64("seed", 1, "same seed, same files")
		from := flags.String("from", "2023-01-02", "first day, a Monday")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return writeSeason(*out, *from, *seed)
	default:
		return fmt.Errorf("command %q: need activities, corpus or season", args[0])
	}
}

// answers is the content of answers.json, by file name.
type answers map[string]struct {
	Format   string            `json:"format"`
	Sessions []activity.Answer `json:"sessions"`
}

// formatsOf returns the formats that an activity is written in.
func formatsOf(name string) []string {
	switch name {
	case "intervals":
		return []string{"fit", "tcx", "gpx"}
	case "pauses":
		return []string{"fit", "tcx"}
	case "no_hr":
		return []string{"fit", "gpx"}
	case "two_segments":
		return []string{"tcx", "gpx"}
	default:
		return []string{"fit"}
	}
}

// encode returns the activity in a format. For GPX it moves the answers to the
// times that are written there.
func encode(a *activity.Activity, format string) ([]byte, error) {
	switch format {
	case "fit":
		return a.FIT()
	case "tcx":
		return a.TCX(), nil
	default:
		for i := range a.Sessions {
			start := a.Sessions[i].Start.Add(activity.Fraction)
			a.Sessions[i].Answer.StartedAt = start.Format(time.RFC3339Nano)
		}
		return a.GPX(), nil
	}
}

func writeActivities(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	known := answers{}
	for _, a := range activity.All() {
		for _, format := range formatsOf(a.Name) {
			data, err := encode(&a, format)
			if err != nil {
				return fmt.Errorf("%s: %w", a.Name, err)
			}
			if err := known.put(dir, a.Name+"."+format, format, data, &a); err != nil {
				return err
			}
		}
	}
	text, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "answers.json"), append(text, '\n'), 0o644)
}

func (k answers) put(dir, name, format string, data []byte, a *activity.Activity) error {
	entry := k[name]
	entry.Format = format
	for _, s := range a.Sessions {
		entry.Sessions = append(entry.Sessions, s.Answer)
	}
	k[name] = entry
	return os.WriteFile(filepath.Join(dir, name), data, 0o644)
}

func writeCorpus(dir string, files, minutes int, seed uint64) error {
	c, err := activity.NewCorpus(minutes, files, seed)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list, err := os.Create(filepath.Clean(dir) + ".tsv")
	if err != nil {
		return err
	}
	defer list.Close() //nolint:errcheck // closed with its error below
	w := bufio.NewWriter(list)
	fmt.Fprintln(w, "file\tstarted_at\tsamples\thr_sum\tdistance_cm\tbytes\tsha256")
	var buf []byte
	for i := range files {
		var truth activity.Truth
		if buf, truth, err = c.Write(buf, i); err != nil {
			return err
		}
		name := fmt.Sprintf("run-%06d.fit", i)
		if err := os.WriteFile(filepath.Join(dir, name), buf, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%x\n", name, truth.Start.Format(time.RFC3339),
			truth.Samples, truth.HRSum, truth.DistanceCm, len(buf), sha256.Sum256(buf))
	}
	return errors.Join(w.Flush(), list.Close())
}
