package main

import (
	"context"
	"path/filepath"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

// folderFlags are the flags of a watched folder.
type folderFlags struct {
	Folder string        `help:"Watch this folder; a subfolder's name is the athlete." placeholder:"DIR" type:"path"`
	After  string        `help:"What happens to a file that was taken: keep, move or delete." enum:"keep,move,delete" default:"keep"`
	Settle time.Duration `help:"A file is taken when its size and time have not changed for so long." default:"2s"`
	Rescan time.Duration `help:"Look through the whole folder this often." default:"30s"`
}

func (f *folderFlags) watching() string {
	if f.Folder == "" {
		return "no folder watched (--folder DIR)"
	}
	return "watching " + f.Folder
}

// folderConfig returns the folder's configuration; without --folder one that
// names none. athlete is whose files lie in the folder itself.
func (f *folderFlags) folderConfig(a *app, athlete string) (folder.Config, error) {
	dir, err := a.dataDir()
	if err != nil {
		return folder.Config{}, err
	}
	owner, err := schema.ParseAthleteID(athlete)
	if err != nil {
		return folder.Config{}, err
	}
	cfg := folder.DefaultConfig(f.Folder)
	cfg.DefaultAthlete, cfg.After = owner, folder.After(f.After)
	cfg.Settle, cfg.Rescan = f.Settle, f.Rescan
	cfg.StateFile = filepath.Join(dir, "folder.state")
	if f.Folder == "" {
		return cfg, nil
	}
	return cfg, cfg.Validate()
}

// queryable reports whether an export that was taken has its row and its
// sessions, and so have the members of an archive.
type queryable func(ctx context.Context, athlete schema.AthleteID, export schema.ExportID) (bool, error)

// queryableIn asks the tables that open returns.
func queryableIn(open func(context.Context) (*store.Store, error)) queryable {
	return func(ctx context.Context, athlete schema.AthleteID, export schema.ExportID) (bool, error) {
		st, err := open(ctx)
		if err != nil {
			return false, err
		}
		for ids := []schema.ExportID{export}; len(ids) > 0; {
			known, err := st.KnownExports(ctx, athlete, ids)
			if err != nil {
				return false, err
			}
			var members []schema.ExportID
			for _, id := range ids {
				k, ok := known[id]
				if !ok || k.Missing > 0 {
					return false, nil
				}
				members = append(members, k.Members...)
			}
			ids = members
		}
		return true, nil
	}
}
