// Package place finds the time zone of a position without asking anybody: from
// boundaries of the world's time zones that the program carries. It is the only
// user of tzf.
package place

import (
	"fmt"
	"sync"
	"time"

	"github.com/ringsaturn/tzf"
	tzfdist "github.com/ringsaturn/tzf-dist"
	pb "github.com/ringsaturn/tzf/gen/go/tzf/v1"
	"google.golang.org/protobuf/proto"
)

// Finder finds time zones. It loads what it needs when it is first asked: a
// program that never asks pays nothing, and the boundaries are loaded only for
// a position near one. Its methods may be used from several goroutines at once.
type Finder struct {
	tiles   func() (tzf.F, error) // parts of the map that lie in one zone: light
	borders func() (tzf.F, error) // the boundaries themselves: heavy
	mu      sync.Mutex
	zones   map[string]*time.Location // by name; nil where this machine does not know it
}

// New returns a Finder that has loaded nothing yet.
func New() *Finder {
	return &Finder{
		tiles: sync.OnceValues(loadTiles), borders: sync.OnceValues(loadBorders),
		zones: make(map[string]*time.Location),
	}
}

func loadTiles() (tzf.F, error) {
	var tiles pb.PreindexTimezones
	if err := proto.Unmarshal(tzfdist.PreindexData, &tiles); err != nil {
		return nil, err
	}
	return tzf.NewFuzzyFinderFromPB(&tiles)
}

// Zone returns the time zone at a position in degrees north and east, and nil
// when there is none: outside -90 to 90 and -180 to 180, or where the zone's
// name is not in the time zone database. On the open sea it is the nautical
// zone. Near a border it may be the neighbour's: the boundaries are simplified.
//
// An error means that the boundaries cannot be read, which is a fault of the
// program as it was built.
func (f *Finder) Zone(latitude, longitude float64) (*time.Location, error) {
	if !(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180) {
		return nil, nil
	}
	tiles, err := f.tiles()
	if err != nil {
		return nil, fmt.Errorf("load time zone tiles: %w", err)
	}
	if name := tiles.GetTimezoneName(longitude, latitude); name != "" {
		return f.location(name), nil
	}
	borders, err := f.borders()
	if err != nil {
		return nil, fmt.Errorf("load time zone boundaries: %w", err)
	}
	for _, step := range around() {
		if name := borders.GetTimezoneName(longitude+step[0], latitude+step[1]); name != "" {
			return f.location(name), nil
		}
	}
	return nil, nil
}

// around lists where to look, in degrees from a position: there first, then
// about a kilometre to all sides, because a point on a boundary is in no zone.
func around() [9][2]float64 {
	const near = 0.01
	return [9][2]float64{{0, 0}, {near, 0}, {-near, 0}, {0, near}, {0, -near}, {near, near}, {near, -near}, {-near, near}, {-near, -near}}
}

func loadBorders() (tzf.F, error) {
	var borders pb.CompressedTopoTimezones
	if err := proto.Unmarshal(tzfdist.TopologyCompressTopoData, &borders); err != nil {
		return nil, err
	}
	return tzf.NewFinderFromCompressedTopo(&borders, tzf.SetDropPBTZ)
}

func (f *Finder) location(name string) *time.Location {
	f.mu.Lock()
	defer f.mu.Unlock()
	zone, known := f.zones[name]
	if !known {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			zone = nil
		}
		f.zones[name] = zone
	}
	return zone
}
