package main

import (
	"context"
	"fmt"
	"runtime"

	"plodwatch/analyze/intensity"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/ingest/fitfile"
	"plodwatch/ingest/gpxfile"
	"plodwatch/ingest/tcxfile"
)

// versionCmd prints what decides the numbers: the versions of the program, of
// its decoders and of its rules.
type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the versions.
func (c *versionCmd) Run(a *app) error {
	v := struct {
		Version    string `json:"version"`
		Go         string `json:"go"`
		FITDecoder uint32 `json:"fit_decoder_version"`
		GPXDecoder uint32 `json:"gpx_decoder_version"`
		TCXDecoder uint32 `json:"tcx_decoder_version"`
		Rules      uint32 `json:"rules_version"`
	}{version, runtime.Version(), fitfile.DecoderVersion, gpxfile.DecoderVersion, tcxfile.DecoderVersion, intensity.RulesVersion}
	if c.JSON {
		return printJSON(a.stdout, v)
	}
	fmt.Fprintf(a.stdout, "plodwatch %s (%s, FIT decoder %d, GPX decoder %d, TCX decoder %d, rules %d)\n",
		v.Version, v.Go, v.FITDecoder, v.GPXDecoder, v.TCXDecoder, v.Rules)
	return nil
}

// helpCmd shows the help of a command.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command to explain."`
}

// Run prints the help of the command, or of plodwatch.
func (c *helpCmd) Run(a *app) error {
	_, err := a.kong.Parse(append(c.Command, "--help"))
	if a.helpShown() {
		return nil // what else is said of arguments that are missing is beside the point
	}
	return fmt.Errorf("find command to explain: %w", err)
}

// engineCmd looks after the embedded ClickHouse engine.
type engineCmd struct {
	Install engineInstallCmd `cmd:"" help:"Fetch the engine's library with npm, check it and put it into the cache." example:"plodwatch engine install"`
	Path    enginePathCmd    `cmd:"" help:"Print where the library was found." example:"plodwatch engine path"`
}

type engineInstallCmd struct{}

// Run installs the library unless it is there already.
func (c *engineInstallCmd) Run(ctx context.Context, a *app) error {
	if path, err := chdb.Find(); err == nil {
		fmt.Fprintf(a.stdout, "engine: %s is there\n", path)
		return nil
	}
	path, err := chdb.Install(ctx, a.stderr)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "engine: %s installed\n", path)
	return nil
}

type enginePathCmd struct{}

// Run prints the library's path.
func (c *enginePathCmd) Run(a *app) error {
	path, err := chdb.Find()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, path)
	return nil
}
