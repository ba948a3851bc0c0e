package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"plodwatch/ingest/inbox"
	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// hookFlags are the flags of the signed hook and its downloads.
type hookFlags struct {
	HookSecretFile   string            `name:"hook-secret-file" help:"Take signed messages (Standard Webhooks) that say where files lie; the file holds the secrets, whsec_..., one a line." placeholder:"FILE" type:"path"`
	HookAllow        []string          `name:"hook-allow" help:"Hosts that such files may be downloaded from; *.example.com is all below one." placeholder:"HOST"`
	HookAthlete      map[string]string `name:"hook-athlete" help:"Who a sender's users are; others must be the ids of athletes." placeholder:"USERID=ATHLETE" mapsep:","`
	HookAllowHTTP    bool              `name:"hook-allow-http" help:"Download over http://, too."`
	HookAllowPrivate bool              `name:"hook-allow-private" help:"Download from addresses of the own network, too."`
}

// hookConfig returns the hook's configuration, or nil when there is to be no
// hook.
func (f *hookFlags) hookConfig() (*pull.HookConfig, error) {
	if f.HookSecretFile == "" && len(f.HookAllow) == 0 {
		return nil, nil //nolint:nilnil // no hook and nothing wrong
	}
	if f.HookSecretFile == "" || len(f.HookAllow) == 0 {
		return nil, errors.New("need both --hook-secret-file and --hook-allow, or neither")
	}
	file, err := os.Open(f.HookSecretFile)
	if err != nil {
		return nil, fmt.Errorf("read --hook-secret-file: %w", err)
	}
	defer file.Close()
	secrets, err := pull.ReadSecrets(file)
	if err != nil {
		return nil, fmt.Errorf("read --hook-secret-file: %w", err)
	}
	cfg := &pull.HookConfig{
		Secrets:  secrets,
		Rules:    pull.Rules{Hosts: f.HookAllow, AllowHTTP: f.HookAllowHTTP, AllowPrivate: f.HookAllowPrivate},
		Athletes: map[string]schema.AthleteID{},
	}
	for user, athlete := range f.HookAthlete {
		cfg.Athletes[user] = schema.AthleteID(athlete)
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check the hook's flags: %w", err)
	}
	return cfg, nil
}

// newHook returns the hook's handler; nil without a configuration.
func (a *app) newHook(cfg *pull.HookConfig, publisher *streams.Publisher, metrics *pull.Metrics) (http.Handler, error) {
	if cfg == nil {
		return nil, nil //nolint:nilnil // no hook and nothing wrong
	}
	return pull.NewHook(*cfg, pull.HookDeps{Publisher: publisher, Now: time.Now, Metrics: metrics, Log: a.log})
}

// startHook starts the downloads and returns the hook's handler; nil without
// a configuration.
func (p *pipeline) startHook(ctx context.Context, cfg *pull.HookConfig) (http.Handler, error) {
	if cfg == nil {
		return nil, nil //nolint:nilnil // no hook and nothing wrong
	}
	metrics := pull.NewMetrics(p.reg)
	pullCfg := pull.DefaultConfig()
	pullCfg.Rules = cfg.Rules
	puller, err := pull.New(pullCfg, pull.Deps{
		JetStream: p.js, Intake: p.intake, Publisher: p.publisher, Metrics: metrics, Log: p.app.log,
	})
	if err != nil {
		return nil, err
	}
	p.stages.start(ctx, stage{name: "downloads", run: puller.Run})
	return p.app.newHook(cfg, p.publisher, metrics)
}

// startInbox takes exports by NATS.
func (p *pipeline) startInbox(ctx context.Context) error {
	b, err := inbox.New(inbox.DefaultConfig(), inbox.Deps{
		Conn: p.conn, Intake: p.intake, Metrics: inbox.NewMetrics(p.reg), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.stages.start(ctx, stage{name: "inbox", run: b.Run})
	return nil
}
