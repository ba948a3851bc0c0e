package chdb

import "fmt"

// Version is the release of libchdb that Install fetches and this package is
// written against.
const Version = "26.7.3-stable.1"

// compatible is what chdb_version must begin with.
const compatible = "26.7."

// pin names the package that carries the library for one platform.
type pin struct {
	pkg string
	// sha512 is the base64 digest of the package's tarball; empty where nobody
	// has verified one yet.
	sha512 string
}

// pinFor finds the package for an operating system and architecture as Go
// names them.
func pinFor(goos, goarch string) (pin, error) {
	var p pin
	switch goos + "/" + goarch {
	case "linux/amd64":
		p = pin{
			pkg:    "@chdb/lib-linux-x64-gnu",
			sha512: "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
		}
	case "linux/arm64":
		p = pin{pkg: "@chdb/lib-linux-arm64-gnu"}
	case "darwin/arm64":
		p = pin{pkg: "@chdb/lib-darwin-arm64"}
	case "darwin/amd64":
		p = pin{pkg: "@chdb/lib-darwin-x64"}
	default:
		return pin{}, fmt.Errorf("find libchdb for %s/%s: there is no build for this platform; use an external ClickHouse server", goos, goarch)
	}
	if p.sha512 == "" {
		return p, fmt.Errorf("check %s@%s: there is no pinned checksum for %s/%s yet; set %s to a libchdb.so of version 26.7 that you trust",
			p.pkg, Version, goos, goarch, envLibrary)
	}
	return p, nil
}
