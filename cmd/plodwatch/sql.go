package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"plodwatch/analyze/sqldoor"
	"plodwatch/ingest/tokens"
)

// sqlFlags are the flags of the endpoint for outside SQL tools.
type sqlFlags struct {
	SQLListen string `name:"sql-listen" help:"Also serve read-only SQL in ClickHouse's HTTP protocol, for Grafana, DBeaver, notebooks (127.0.0.1:8123, say); default: not." placeholder:"HOST:PORT"`
}

// checkSQL says what is wrong with the flags.
func (f *sqlFlags) checkSQL(a *app) error {
	switch {
	case f.SQLListen == "":
		return nil
	case a.ClickHouse != "":
		return errors.New("--sql-listen serves the embedded engine, and --clickhouse names a server: " +
			"point the tools at that server, with users as in deploy/clickhouse/access.sql, and leave --sql-listen out")
	}
	if err := a.checkListen(f.SQLListen); err != nil {
		return fmt.Errorf("read --sql-listen: %w", err)
	}
	return nil
}

// noListener stands for a listener where nobody is to listen.
type noListener struct{ net.Listener }

// Close has nothing to close.
func (noListener) Close() error { return nil }

// listenSQL listens for SQL, with the certificate of the gate.
func (f *sqlFlags) listenSQL(ctx context.Context, log *slog.Logger, serving *servingFlags) (net.Listener, error) {
	if f.SQLListen == "" {
		return noListener{}, nil
	}
	return listenFor(ctx, log, "--sql-listen", f.SQLListen, serving)
}

// saySQL says where SQL is answered.
func (f *sqlFlags) saySQL(w io.Writer, scheme string, l net.Listener) {
	if f.SQLListen != "" {
		fmt.Fprintf(w, "SQL for other tools, read only: %s://%s\n", scheme, l.Addr())
	}
}

// startSQL answers outside tools in SQL.
func (h *localHost) startSQL(ctx context.Context, l net.Listener, fromHere func(*http.Request) bool, grace time.Duration) error {
	if l == (noListener{}) {
		return nil
	}
	file, err := h.app.tokenFile()
	if err != nil {
		return err
	}
	door, err := sqldoor.New(sqldoor.DefaultConfig(), sqldoor.Deps{
		Engine: h.engine.ReadOnlyHandler(nil), Tokens: sqlTokens{file}, FromThisMachine: fromHere,
		Metrics: sqldoor.NewMetrics(h.reg), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.stages.start(ctx, stage{name: "sql", run: func(ctx context.Context) error {
		return serveOutside(ctx, l, door, grace)
	}})
	return nil
}

// sqlTokens tells the door who brings a token.
type sqlTokens struct{ file *tokens.File }

// Any reports whether there is any token.
func (t sqlTokens) Any() (bool, error) { return t.file.Any() }

// Bearer tells who brings secret.
func (t sqlTokens) Bearer(secret string) (sqldoor.Bearer, error) {
	token, err := t.file.Check(secret)
	switch {
	case errors.Is(err, tokens.ErrRefused):
		return sqldoor.Unknown, nil
	case err != nil:
		return sqldoor.Unknown, err
	case token.Role == tokens.RoleAdmin:
		return sqldoor.Everyone, nil
	}
	return sqldoor.Athlete, nil
}
