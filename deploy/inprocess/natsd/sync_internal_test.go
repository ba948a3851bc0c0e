package natsd

import "testing"

func TestEveryAcknowledgementIsSynced(t *testing.T) {
	srv, err := Open(DefaultConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := srv.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if !srv.server.JetStreamConfig().SyncAlways {
		t.Error("the store does not sync before it acknowledges")
	}
}
