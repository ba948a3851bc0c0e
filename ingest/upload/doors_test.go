package upload_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"plodwatch/ingest/upload"
)

// TestDoorsAndDescriptionAreTheSame compares the patterns that are served to
// the operations that are described.
func TestDoorsAndDescriptionAreTheSame(t *testing.T) {
	d, err := describedOnce()
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, func(h *house) { h.intake, h.hook = &shelf{house: h}, http.NotFoundHandler() })
	served, written := map[string]bool{}, map[string]bool{}
	for _, door := range upload.Doors(h.gate) {
		method, path, ok := strings.Cut(door, " ")
		if !ok {
			method, path = "", door
		}
		switch {
		case strings.HasPrefix(path, "/dav/"):
			served["/dav/"] = true
		case path != "/api/": // whatever is at no door
			served[method+" "+path] = true
		}
	}
	for path, item := range d.doc.Paths.Map() {
		if strings.HasPrefix(path, "/dav/") {
			written["/dav/"] = true
			continue
		}
		for method := range item.Operations() {
			written[method+" "+path] = true
		}
	}
	if a, b := keys(served), keys(written); !slices.Equal(a, b) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
