package chdb_test

import (
	"testing"
)

func TestHello(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	v, err := conn.ServerVersion()
	must(t, err)
	if v.Version.Major != 26 || v.Version.Minor != 7 || v.Revision != 0 {
		t.Errorf("version %v revision %d, want 26.7 and 0", v.Version, v.Revision)
	}
	must(t, conn.Ping(t.Context()))
}
