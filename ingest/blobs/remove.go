package blobs

import (
	"context"
	"fmt"

	"plodwatch/schema"
)

// Remove takes an export away for good, durably. One that is not there is no
// error. The caller makes sure that nobody needs it any more.
func (d *Dir) Remove(ctx context.Context, id schema.ExportID) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("remove export: %w", err)
	}
	for _, compressed := range []bool{false, true} {
		if err := remove(d.path(id, compressed)); err != nil {
			return fmt.Errorf("remove export: %w", err)
		}
	}
	return d.settle(id)
}
