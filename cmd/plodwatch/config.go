package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// yamlSettings reads a YAML file of flag names and values; a name that no
// flag has is an error, so that a typo cannot go unnoticed.
func yamlSettings(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return &settingsFile{values: values}, nil
}

// settingsFile resolves flags from the keys of a YAML file; '-' and '_' are
// the same in keys.
type settingsFile struct {
	values map[string]any
}

// Validate refuses keys that no flag of any command has.
func (s *settingsFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	collectFlags(app.Node, known)
	var unknown []string
	for key := range s.values {
		if !known[flagName(key)] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("unknown key in the settings file: %s", strings.Join(unknown, ", "))
}

// Resolve returns the value of flag, or nil when the file does not set it or
// the environment does.
func (s *settingsFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if inEnvironment(flag) {
		return nil, nil //nolint:nilnil // kong's way to say "not set"
	}
	for key, value := range s.values {
		if flagName(key) == flag.Name && value != nil {
			return plain(value), nil
		}
	}
	return nil, nil //nolint:nilnil // kong's way to say "not set"
}

// plain turns a YAML list into the comma-separated form flags are parsed from.
func plain(value any) any {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ",")
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

func collectFlags(n *kong.Node, into map[string]bool) {
	for _, f := range n.Flags {
		into[f.Name] = true
	}
	for _, child := range n.Children {
		collectFlags(child, into)
	}
}

// inEnvironment reports whether a PLODWATCH_... variable sets the flag. kong
// reads it then, but would let a file's value win over it.
func inEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool {
		_, ok := os.LookupEnv(name)
		return ok
	})
}

// defaultConfigFile returns the settings file that is read when it exists.
func defaultConfigFile() []string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(dir, "plodwatch", "config.yaml")}
}

// dataDir returns the data directory, absolute: --data, else
// $XDG_DATA_HOME/plodwatch, else ~/.local/share/plodwatch.
func (g *globals) dataDir() (string, error) {
	if g.Data != "" {
		return filepath.Abs(g.Data)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "plodwatch"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a data directory (set --data): %w", err)
	}
	return filepath.Join(home, ".local", "share", "plodwatch"), nil
}
