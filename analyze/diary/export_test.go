package diary

// EnergyWords shows the table to the tests.
func EnergyWords() [5]string { return energyWords() }
