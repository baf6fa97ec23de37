package collection

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"directus-ircd/bridge/text"
	"directus-ircd/ircd/wire"
)

const (
	// maxFiles bounds the files of one message that get a line of their own.
	maxFiles = 20
	// maxFileName bounds the name of a file as it is shown, in bytes.
	maxFileName = 120
)

// JunctionFile is the field of a list of files that leads to the file, as
// Directus names it.
const JunctionFile = "directus_files_id"

// File is what is known of a file. Each field may be empty: ID if the user may not follow
// the relation to the file, the others if the user may not read the file.
type File struct {
	ID, Name string
	Size     string // bytes, as a decimal number
}

// ParseFiles reads the value of a field that holds one file, as a key or an object, or
// several, as a list of the keys of a junction or of objects that lead to a file. Files
// that were deleted are left out.
func ParseFiles(raw json.RawMessage) []File {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var files []File
	for _, item := range list {
		if f, ok := parseFile(item); ok {
			files = append(files, f)
		}
	}
	return files
}

// clipFiles returns the value of such a field with no more than maxKeptFiles.
func clipFiles(raw json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if len(raw) <= maxKeptValue || json.Unmarshal(raw, &list) != nil || len(list) <= maxKeptFiles {
		return raw
	}
	clipped, err := json.Marshal(list[:maxKeptFiles])
	if err != nil {
		return nil // unreachable: the values were just parsed
	}
	return clipped
}

func parseFile(raw json.RawMessage) (f File, ok bool) {
	if key := Scalar(raw); key != "" {
		if IsUUID(key) {
			return File{ID: key}, true
		}
		return File{}, true // the key of an item of a junction
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return File{}, false
	}
	if target, junction := fields[JunctionFile]; junction {
		return parseFile(target)
	}
	f = File{ID: Scalar(fields["id"]), Name: Scalar(fields["filename_download"]), Size: Scalar(fields["filesize"])}
	if !IsUUID(f.ID) {
		f.ID = ""
	}
	return f, true
}

// FileLines returns the lines that are shown for files. base is the public URL of
// Directus. The links never hold a token: whoever follows one logs in there.
func FileLines(files []File, base string) []string {
	var lines []string
	untold := 0
	for _, f := range files {
		if f.ID == "" || len(lines) >= maxFiles {
			untold++
			continue
		}
		line := fileName(f.Name)
		if size, err := strconv.ParseInt(f.Size, 10, 64); err == nil && size >= 0 {
			line += " (" + byteSize(size) + ")"
		}
		lines = append(lines, line+" <"+strings.TrimRight(base, "/")+"/assets/"+f.ID+">")
	}
	number := strconv.Itoa(untold)
	if len(files) >= maxKeptFiles {
		number = "at least " + number
	}
	switch {
	case untold == 1 && len(lines) == 0:
		lines = append(lines, "a file that cannot be shown here")
	case untold > 0 && len(lines) == 0:
		lines = append(lines, number+" files that cannot be shown here")
	case untold > 0:
		lines = append(lines, "and "+number+" more")
	}
	return lines
}

func fileName(name string) string {
	name = strings.Join(strings.Fields(wire.Plain(wire.CleanText(name))), " ")
	if name == "" {
		return "file"
	}
	return text.Shorten(name, maxFileName)
}

// byteSize is a number of bytes as people read it.
func byteSize(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n)/1000, 0
	for size >= 999.95 && unit < len("KMGTPE")-1 {
		size, unit = size/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", size, "KMGTPE"[unit])
}
