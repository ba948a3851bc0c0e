package pull_test

import (
	"strings"
	"testing"

	"plodwatch/ingest/pull"
)

func TestPeekOrderShowsNoSecret(t *testing.T) {
	athlete, host, err := pull.PeekOrder([]byte(`{"athlete":"anna","url":"https://u:pw@files.example.com:8443/run.fit?token=secret"}`))
	if athlete != "anna" || host != "files.example.com" || err != nil {
		t.Errorf("PeekOrder = %q, %q, %v", athlete, host, err)
	}
	for _, bad := range []string{"", "{", `{"athlete":"a b","url":"secret"}`, `{"athlete":"anna"}`} {
		if _, _, err := pull.PeekOrder([]byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("PeekOrder(%q): %v", bad, err)
		}
	}
}
