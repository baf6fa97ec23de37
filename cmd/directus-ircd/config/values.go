package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// The types below are values with a syntax of their own. The error of UnmarshalText says
// which forms are accepted.

// Duration is a time span, written with its unit, such as 60s or 30d. 0 means none.
type Duration time.Duration

func (d *Duration) UnmarshalText(text []byte) error {
	days, rest, hasDays := strings.Cut(string(text), "d")
	var v time.Duration
	n, err := int64(0), error(nil)
	if !hasDays {
		rest = days
	} else if n, err = strconv.ParseInt(days, 10, 64); n > maxDays {
		err = strconv.ErrRange
	}
	if rest != "" && err == nil {
		v, err = time.ParseDuration(rest)
	}
	if err != nil || v < 0 || n < 0 || len(text) == 0 {
		return fmt.Errorf("%q is not a time span: write a number with its unit, such as 60s, 2m, 1h30m or 30d, or 0 for none", text)
	}
	*d = Duration(time.Duration(n)*24*time.Hour + v)
	return nil
}

// maxDays keeps a time span within the range of time.Duration.
const maxDays = 36500

// size is a number of bytes; units are powers of 1024.
type size int64

func (s *size) UnmarshalText(text []byte) error {
	v, err := units.RAMInBytes(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a size: write bytes or a number with its unit, such as 65536, 512KiB or 1MiB, or 0 for no limit", text)
	}
	*s = size(v)
	return nil
}

// FileMode is the mode of a file, written in octal as for chmod.
type FileMode fs.FileMode

func (m *FileMode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(strings.TrimPrefix(string(text), "0o"), 8, 32)
	if err != nil || v == 0 || v > 0o777 {
		return fmt.Errorf("%q is not a file mode: write it in octal, such as \"0660\"", text)
	}
	*m = FileMode(v)
	return nil
}

// webSocketMode says which connections of a listener are WebSockets.
type webSocketMode string

const (
	webSocketOff    webSocketMode = "" // "false" in the file
	WebSocketOnly   webSocketMode = "true"
	WebSocketShared webSocketMode = "shared"
)

func (m webSocketMode) String() string {
	if m == webSocketOff {
		return "false"
	}
	return string(m)
}

func (m *webSocketMode) UnmarshalText(text []byte) error {
	accepted := []string{"false", string(WebSocketOnly), string(WebSocketShared)}
	if !slices.Contains(accepted, string(text)) {
		return notOneOf(string(text), accepted)
	}
	if *m = webSocketMode(text); *m == "false" {
		*m = webSocketOff
	}
	return nil
}

func notOneOf(value string, accepted []string) error {
	return fmt.Errorf("%q is not accepted here%s: write one of %s", value, didYouMean(value, accepted), strings.Join(accepted, ", "))
}

// didYouMean suggests the accepted word that differs from word by one or two typing
// mistakes; it is empty if there is none.
func didYouMean(word string, accepted []string) string {
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, a := range accepted {
		if d := editDistance(strings.ToLower(word), a); d < bestDistance {
			best, bestDistance = a, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is the number of bytes to insert, delete or replace to turn a into b
// (Levenshtein distance).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
