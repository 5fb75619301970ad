package main

import (
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"platen/config"
)

// opt is a flag that knows whether it was given, so that `set` changes what
// was named and nothing else.
type opt[T any] struct {
	given bool
	value T
	parse func(text string, before T) (T, error)
}

// Set reads one use of the flag.
func (o *opt[T]) Set(text string) error {
	v, err := o.parse(text, o.value)
	o.value, o.given = v, true
	return err
}

// String is asked for by package flag.
func (o *opt[T]) String() string { return "" }

// apply changes the field if the flag was given.
func (o *opt[T]) apply(field *T) {
	if o.given {
		*field = o.value
	}
}

func addOpt[T any](fs *flag.FlagSet, name, usage string, parse func(text string, before T) (T, error)) *opt[T] {
	o := &opt[T]{parse: parse}
	fs.Var(o, name, usage)
	return o
}

func optText(fs *flag.FlagSet, name, usage string) *opt[string] {
	return addOpt(fs, name, usage, func(s, _ string) (string, error) { return strings.TrimSpace(s), nil })
}

func optYesNo(fs *flag.FlagSet, name, usage string) *opt[bool] {
	return addOpt(fs, name, usage+", `yes|no`", func(s string, _ bool) (bool, error) {
		switch strings.ToLower(s) {
		case "yes", "true", "1":
			return true, nil
		case "no", "false", "0":
			return false, nil
		}
		return false, fmt.Errorf("yes or no")
	})
}

func optNumber(fs *flag.FlagSet, name, usage string, least, most int) *opt[int] {
	return addOpt(fs, name, usage, func(s string, _ int) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("a number from %d to %d", least, most)
		}
		return n, nil
	})
}

func optOctets(fs *flag.FlagSet, name, usage string) *opt[int64] {
	return addOpt(fs, name, usage, func(s string, _ int64) (int64, error) { return config.ParseOctets(s) })
}

// optTime reads "90m", "96h" and also "4d": people think of jobs in days.
func optTime(fs *flag.FlagSet, name, usage string, most time.Duration) *opt[time.Duration] {
	return addOpt(fs, name, usage, func(s string, _ time.Duration) (time.Duration, error) {
		d, err := parseDays(s)
		if err != nil || d < 0 || d > most {
			return 0, fmt.Errorf("a time such as 30m, 96h or 4d, at most %s", inDays(most))
		}
		return d, nil
	})
}

// inDays says a limit in days where it has any.
func inDays(d time.Duration) string {
	if day := 24 * time.Hour; d > day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return config.Duration{Duration: d}.String()
}

func parseDays(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > 36500 {
			return 0, fmt.Errorf("%q is not a time", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// optWords may be given several times, and an empty one clears the list.
func optWords(fs *flag.FlagSet, name, usage string) *opt[[]string] {
	return addOpt(fs, name, usage, func(s string, before []string) ([]string, error) {
		if s = strings.TrimSpace(s); s == "" {
			return nil, nil
		}
		return append(before, s), nil
	})
}

// optPrefixes may be given several times, and an empty one clears the list. A
// single address is a prefix of its own.
func optPrefixes(fs *flag.FlagSet, name, usage string) *opt[[]netip.Prefix] {
	return addOpt(fs, name, usage, func(s string, before []netip.Prefix) ([]netip.Prefix, error) {
		if s == "" {
			return nil, nil
		}
		if a, err := netip.ParseAddr(s); err == nil {
			return append(before, netip.PrefixFrom(a, a.BitLen())), nil
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return before, fmt.Errorf("an address or a prefix such as 10.1.0.0/16")
		}
		return append(before, p.Masked()), nil
	})
}

// optDay reads a day, or a moment.
func optDay(fs *flag.FlagSet, name, usage string) *opt[time.Time] {
	return addOpt(fs, name, usage, func(s string, _ time.Time) (time.Time, error) {
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("a day such as 2026-11-30")
	})
}
