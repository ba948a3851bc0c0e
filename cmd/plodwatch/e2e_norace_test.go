//go:build !race

package main

// raced tells that the race detector watches the tests; it then watches the
// binary of the end-to-end tests, too.
const raced = false
