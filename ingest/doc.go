// Package ingest turns exports (the files that watches and services hand out)
// into sessions: it tells the format by content, unpacks gzip and zip within
// limits, has a Decoder read what is inside, publishes the sessions and says
// what became of the export.
//
// Every export ends in exactly one outcome with a reason from a closed set
// (schema.Outcome, schema.Reason). Errors are of three kinds: a bad file comes
// as *schema.Refusal and ends as an outcome; "not now" wraps ErrNotNow and
// means the same work will succeed later; everything else is a fault of ours.
package ingest
