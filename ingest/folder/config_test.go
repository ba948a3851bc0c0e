package folder_test

import (
	"path/filepath"
	"strings"
	"testing"

	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

func TestConfigNamesEveryFault(t *testing.T) {
	if err := folder.DefaultConfig("some/dir").Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
	err := folder.Config{DefaultAthlete: "a b", After: "burn"}.Validate()
	if err == nil {
		t.Fatal("an empty config is valid")
	}
	for _, field := range []string{
		"dir", "athlete", "after", "settle", "rescan", "poll interval", "shortest retry", "concurrency",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
	dir := t.TempDir()
	for path, valid := range map[string]bool{
		filepath.Join(dir, "state"):             false,
		filepath.Join(dir, "x", "..", "state"):  false,
		filepath.Join(dir, "..", "state"):       true,
		filepath.Join(dir, "..", "..", "state"): true,
		dir + "-state":                          true,
		"":                                      true,
	} {
		cfg := folder.DefaultConfig(dir)
		cfg.StateFile = path
		if err := cfg.Validate(); (err == nil) != valid {
			t.Errorf("state file %q: %v", path, err)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	cfg := folder.DefaultConfig("dir")
	cfg.After = folder.AfterDelete
	_, err := folder.New(cfg, folder.Deps{})
	for _, what := range []string{"acceptor", "queryable", "metrics"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("New returned %v, which does not name the missing %s", err, what)
		}
	}
}

func TestFirstDirectoryNamesTheAthlete(t *testing.T) {
	for rel, want := range map[string]struct {
		athlete schema.AthleteID
		named   bool
	}{
		"a.fit":                               {"me", true},
		"anna/a.fit":                          {"anna", true},
		"anna/2019/Morning runs/a.fit":        {"anna", true},
		"Morning runs/anna/a.fit":             {"me", false},
		"L\xf8p/a.fit":                        {"me", false},
		strings.Repeat("x", 65) + "/long.fit": {"me", false},
	} {
		athlete, named := folder.AthleteOf(filepath.FromSlash(rel), "me")
		if athlete != want.athlete || named != want.named {
			t.Errorf("%s belongs to %s (named %v), want %s (%v)", rel, athlete, named, want.athlete, want.named)
		}
	}
}
