package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"plodwatch/schema"
)

// ending is one line of an import's table.
type ending struct {
	Outcome schema.Outcome `json:"outcome"`
	Reason  schema.Reason  `json:"reason"`
	Files   int            `json:"files"`
}

// importResult is what `import --json` prints.
type importResult struct {
	Files         int      `json:"files"`
	Outcomes      []ending `json:"outcomes"`
	SessionsAdded int64    `json:"sessions_added"`
	Sessions      uint64   `json:"sessions"`
	SamplesAdded  int64    `json:"samples_added"`
	Samples       uint64   `json:"samples"`
	Copies        uint64   `json:"copies"` // of Sessions
	Seconds       float64  `json:"seconds"`
}

// print writes the table and returns errRejected when a file was rejected.
func (r *importRun) print(asJSON bool) error {
	res := r.result()
	if asJSON {
		if err := printJSON(r.app.stdout, res); err != nil {
			return err
		}
	} else if err := r.table(res); err != nil {
		return err
	}
	for _, e := range res.Outcomes {
		if e.Outcome == schema.OutcomeRejected {
			return errRejected
		}
	}
	return nil
}

func (r *importRun) result() importResult {
	type key struct {
		outcome schema.Outcome
		reason  schema.Reason
	}
	n := map[key]int{}
	files := 0
	add := func(o schema.Outcome, why schema.Reason) {
		n[key{o, why}]++
		files++
	}
	seen := map[schema.ExportID]bool{}
	var count func(id schema.ExportID)
	count = func(id schema.ExportID) {
		if seen[id] {
			add(schema.OutcomeDuplicate, schema.ReasonSameBytes)
			return
		}
		seen[id] = true
		k := r.known[id]
		add(k.Outcome, k.Reason)
		for _, m := range k.Members {
			count(m)
		}
	}
	for _, f := range r.files {
		switch {
		case f.reason != schema.ReasonNone:
			add(f.outcome, f.reason)
		case f.dup:
			add(schema.OutcomeDuplicate, schema.ReasonSameBytes)
		default:
			count(f.job.Export)
		}
	}
	res := importResult{
		Files:         files,
		SessionsAdded: int64(r.after.Sessions) - int64(r.before.Sessions), Sessions: r.after.Sessions, //nolint:gosec // counts of rows
		SamplesAdded: int64(r.after.Samples) - int64(r.before.Samples), Samples: r.after.Samples, //nolint:gosec // counts of rows
		Copies:  r.after.Copies,
		Seconds: time.Since(r.started).Round(time.Millisecond).Seconds(),
	}
	for k, v := range n {
		res.Outcomes = append(res.Outcomes, ending{k.outcome, k.reason, v})
	}
	slices.SortFunc(res.Outcomes, func(a, b ending) int {
		return cmp.Or(cmp.Compare(outcomeRank(a.Outcome), outcomeRank(b.Outcome)), cmp.Compare(a.Reason, b.Reason))
	})
	return res
}

func outcomeRank(o schema.Outcome) int {
	return slices.Index([]schema.Outcome{
		schema.OutcomeDecoded, schema.OutcomeSalvaged, schema.OutcomeDuplicate, schema.OutcomeSkipped, schema.OutcomeRejected,
	}, o)
}

func (r *importRun) table(res importResult) error {
	t := newTable(r.app.stdout, "outcome", "files", "reason", "")
	for _, e := range res.Outcomes {
		t.row(string(e.Outcome), count(e.Files), string(e.Reason), schema.ReasonText(e.Reason))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintf(r.app.stdout, "\n%s files in %.1f s: %s sessions and %s samples added; now %s sessions, %s samples.\n",
		count(res.Files), res.Seconds, count(res.SessionsAdded), count(res.SamplesAdded), count(res.Sessions), count(res.Samples))
	if res.Copies > 0 {
		fmt.Fprintf(r.app.stdout, "%s of the sessions are copies of others and do not count; plodwatch duplicates lists them.\n", count(res.Copies))
	}
	if res.SessionsAdded == 0 && res.SamplesAdded == 0 {
		fmt.Fprintln(r.app.stdout, "Nothing new: everything was here already, or holds no activity.")
	}
	return nil
}
