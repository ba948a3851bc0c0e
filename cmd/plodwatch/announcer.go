package main

import (
	"context"

	"plodwatch/analyze/announce"
)

// startAnnouncer tells listeners on NATS what happens, as long as the daemon
// runs.
func (h *localHost) startAnnouncer(ctx context.Context) error {
	a, err := announce.New(announce.DefaultConfig(), announce.Deps{
		Store: h.st, Publisher: h.publisher, Metrics: announce.NewMetrics(h.reg), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.stages.start(ctx, stage{name: "announcer", run: a.Run})
	return nil
}
