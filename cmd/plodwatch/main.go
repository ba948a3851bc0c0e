// Command plodwatch takes watch exports in and answers questions about training
// intensity. It only parses flags, wires the rooms together and orders their
// start and stop; nothing imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	_ "time/tzdata" // athletes' time zones work on machines that have none

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "dev"

// The exit codes.
const (
	exitOK       = 0
	exitUsage    = 1 // wrong usage, or the environment is not fit
	exitRejected = 2 // the work is done, but some files were rejected
)

// errRejected ends a command with exitRejected after it has said everything.
var errRejected = errors.New("some files were rejected")

// globals are the flags every command has.
type globals struct {
	Config kong.ConfigFlag `help:"Read settings from this YAML file; flags and environment come first." placeholder:"FILE" type:"path"`
	Data   string          `help:"Data directory (default: $XDG_DATA_HOME/plodwatch)." placeholder:"DIR" type:"path"`
	Tokens string          `help:"Token file (default: tokens.json in the data directory)." placeholder:"FILE" type:"path"`
	natsFlags
	blobsFlags
	ClickHouse string `name:"clickhouse" help:"URL of an external ClickHouse (clickhouse://, http:// or https://); default: ClickHouse in this process." placeholder:"URL"`
	Cluster    string `name:"clickhouse-cluster" help:"Name of the ClickHouse cluster that --clickhouse is a server of, by its remote_servers; tables are made on all of it." placeholder:"NAME"`
	NoColor    bool   `name:"no-color" help:"Print no colours on a terminal; NO_COLOR and TERM=dumb say the same."`
	LogLevel   string `help:"Least level that is logged: debug, info, warn, error." enum:"debug,info,warn,error" default:"warn"`
	LogFormat  string `help:"Form of the log: text or json." enum:"text,json" default:"text"`
}

// cli is the whole command line.
type cli struct {
	globals

	Up          upCmd          `cmd:"" help:"Run everything in one process: watched folder, workers, analyzer and HTTP."`
	Web         webCmd         `cmd:"" help:"Serve the page as a process of its own."`
	Gate        gateCmd        `cmd:"" help:"Take uploads as a process of its own, for workers elsewhere."`
	Ingest      ingestCmd      `cmd:"" help:"Decode files as a process of its own, for analyzers elsewhere."`
	Analyze     analyzeCmd     `cmd:"" help:"Compute and write rows as a process of its own."`
	Import      importCmd      `cmd:"" help:"Take files, folders and archives in and wait until they are analyzed."`
	Push        pushCmd        `cmd:"" help:"Hand files to a running plodwatch, by NATS or here, and print the receipts."`
	Check       checkCmd       `cmd:"" help:"Show what files hold and their intensity; stores nothing."`
	Sessions    sessionsCmd    `cmd:"" help:"List sessions with their intensity."`
	Session     sessionCmd     `cmd:"" help:"Show one session." example:"plodwatch session 3f2a9c01"`
	Duplicates  duplicatesCmd  `cmd:"" help:"Show and decide which sessions are the same activity from several files."`
	Explain     explainCmd     `cmd:"" help:"Say how a session's figures and verdict came about."`
	Report      reportCmd      `cmd:"" help:"Show an athlete's weeks: intensity, load, easy days, warnings; as text or as a page."`
	WhatIf      whatIfCmd      `cmd:"" help:"Show what other settings would change; stores nothing."`
	Week        weekCmd        `cmd:"" help:"Show training by weeks: 80/20 by time and by sessions."`
	Log         logCmd         `cmd:"" help:"Keep the daily log: resting heart rate, HRV, sleep, energy."`
	Plan        planCmd        `cmd:"" help:"Say what days are meant to be: easy, moderate, hard, race or rest."`
	ReturnToRun returnToRunCmd `cmd:"" name:"return-to-run" help:"Lead through a return to running after overtraining."`
	Query       queryCmd       `cmd:"" help:"Run one read-only SQL query."`
	Athlete     athleteCmd     `cmd:"" help:"Show and change what is known about athletes."`
	Token       tokenCmd       `cmd:"" help:"Make, list and revoke the tokens of those who upload."`
	Reconcile   reconcileCmd   `cmd:"" help:"Say what is missing of what was taken, and bring it back."`
	Reprocess   reprocessCmd   `cmd:"" help:"Decode stored originals again."`
	Backup      backupCmd      `cmd:"" help:"Write everything that is kept into one file."`
	Restore     restoreCmd     `cmd:"" help:"Bring a backup into an empty data directory."`
	Export      exportCmd      `cmd:"" help:"Write what people ask for as Parquet or CSV files."`
	Delete      deleteCmd      `cmd:"" help:"Take exports with their sessions away for good."`
	Dead        deadCmd        `cmd:"" help:"List, retry and drop messages that were set aside."`
	Migrate     migrateCmd     `cmd:"" help:"Create or bring up to date the tables and streams." example:"plodwatch migrate --nats nats://10.0.0.5:4222 --blobs nats"`
	Engine      engineCmd      `cmd:"" help:"Install or look at the embedded ClickHouse engine."`
	Doctor      doctorCmd      `cmd:"" help:"Look for what is wrong with the set-up, and say what to do."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running plodwatch whether it is ready; for containers."`
	Completion  completionCmd  `cmd:"" help:"Print the code that has a shell complete plodwatch's words."`
	Man         manCmd         `cmd:"" help:"Print the manual page."`
	Version     versionCmd     `cmd:"" help:"Print the version." example:"plodwatch version --json"`
	Help        helpCmd        `cmd:"" help:"Show help for plodwatch or one command." example:"plodwatch help athlete set"`
	Complete    completeCmd    `cmd:"" name:"__complete" hidden:"" help:"Complete a word; for the shells." example:"plodwatch __complete -- sessions --sp"`
}

// overview is what the help says of all commands.
const overview = `Each setting comes from its flag, else from its variable in the environment (PLODWATCH_ and
the flag's name: PLODWATCH_CLICKHOUSE), else from the settings file.

Exit codes: 0 done; 1 not done: wrong usage, or the environment is not fit, and the message
says what to do next; 2 done, but not with everything: what is missing, left over or was
refused is named. doctor ends with 1 when a check fails, healthcheck when the asked is not ready.

Examples:
  plodwatch import ~/garmin-export.zip
  plodwatch up --folder ~/watch`

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it parses args, runs the command and
// returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := newParser(&c, stdout, stderr, func(code int) { exit = code })
	if err != nil {
		fmt.Fprintln(stderr, "plodwatch:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(commentsAreNoFlags(args))
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "plodwatch: %v\nSee %s --help.\n", err, commandOf(err))
		return exitUsage
	}
	a := &app{globals: c.globals, stdout: stdout, stderr: stderr, kong: parser, helpShown: func() bool { return exit >= 0 }}
	a.log = newLogger(stderr, c.LogLevel, c.LogFormat)
	kctx.BindTo(ctx, (*context.Context)(nil))
	return a.exitCode(kctx.Run(a))
}

// newParser returns the parser of the command line, which fills c.
func newParser(c *cli, stdout, stderr io.Writer, exit func(code int)) (*kong.Kong, error) {
	k, err := kong.New(c, append(argumentMappers(),
		kong.Name("plodwatch"),
		kong.Description("Watch files in, answers about training intensity out."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.DefaultEnvars("PLODWATCH"),
		kong.Configuration(yamlSettings, defaultConfigFile()...),
	)...)
	if err == nil {
		k.Model.Detail = overview
		addExamples(k.Model.Node)
	}
	return k, err
}

// addExamples gives commands the example of their tag.
func addExamples(n *kong.Node) {
	if example := n.Tag.Get("example"); example != "" {
		n.Detail = strings.TrimSpace(n.Detail + "\n\nExamples:\n  " + example)
	}
	for _, child := range n.Children {
		addExamples(child)
	}
}

// commandOf names the command whose arguments were wrong, as far as it was
// understood.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil || wrong.Context.Selected() == nil {
		return "plodwatch"
	}
	return wrong.Context.Selected().FullPath()
}

// commentsAreNoFlags keeps a query that begins with an SQL comment ("-- ...")
// from being read as a flag.
func commentsAreNoFlags(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if strings.HasPrefix(arg, "-- ") || strings.HasPrefix(arg, "--\n") {
			out[i] = " " + arg
		}
	}
	return out
}

// app is what every command gets: global flags, streams and the log.
type app struct {
	globals

	stdout, stderr io.Writer
	log            *slog.Logger
	kong           *kong.Kong
	helpShown      func() bool // whether kong has printed a help text
}

func (a *app) exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRejected):
		return exitRejected
	}
	fmt.Fprintln(a.stderr, "plodwatch:", err)
	return exitUsage
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelWarn
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
