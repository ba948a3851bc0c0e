package main

import (
	"context"

	"plodwatch/analyze/announce"
)

// startAnnouncer tells listeners on NATS what happens, as long as the daemon
// runs.
func (p *pipeline) startAnnouncer(ctx context.Context) error {
	a, err := announce.New(announce.DefaultConfig(), announce.Deps{
		Store: p.st, Publisher: p.publisher, Metrics: announce.NewMetrics(p.reg), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.stages.start(ctx, stage{name: "announcer", run: a.Run})
	return nil
}
