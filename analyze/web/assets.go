package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages load, each at an address that holds the sum
// of all, so that browsers keep them for as long as they stay as they are.
type assets struct {
	files map[string][]byte
	sum   string
}

const assetPath = "/assets/"

func loadAssets() (*assets, error) {
	a := &assets{files: make(map[string][]byte)}
	sum := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		a.files[strings.TrimPrefix(name, "assets/")] = data
		sum.Write([]byte(name))
		sum.Write(data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	a.sum = hex.EncodeToString(sum.Sum(nil)[:6])
	return a, nil
}

// address is where a page finds an asset; for the templates.
func (a *assets) address(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return assetPath + a.sum + "/" + name, nil
}

// ServeHTTP serves an asset to everybody: they are part of the program.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, assetPath), "/")
	data, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if sum == a.sum {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) {
	case ".js", ".mjs":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}
