package main

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// argumentMappers read arguments as they stand. kong's own send every text
// through JSON, which changes the names of files that are not valid UTF-8, and
// take an empty path for the working directory: with --after delete and an
// unset variable as the folder that would empty it.
func argumentMappers() []kong.Option {
	return []kong.Option{
		kong.KindMapper(reflect.String, kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
			return takeText(ctx, target, func(s string) string { return s })
		})),
		kong.NamedMapper("path", kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
			return takeText(ctx, target, expandPath)
		})),
	}
}

// expandPath makes a path absolute; "" stays "", as if it had not been given.
func expandPath(s string) string {
	if s == "" {
		return ""
	}
	return kong.ExpandPath(s)
}

func takeText(ctx *kong.DecodeContext, target reflect.Value, change func(string) string) error {
	t, err := ctx.Scan.PopValue("text")
	if err != nil {
		return err
	}
	text, ok := t.Value.(string)
	if !ok {
		text = fmt.Sprint(t.Value)
	}
	target.SetString(change(text))
	return nil
}
