package upload

// Doors returns the patterns of all doors of g.
func Doors(g *Gate) []string { return g.doors }
