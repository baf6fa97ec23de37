package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder decodes a YAML document into a struct. It does not stop at the first fault but
// collects all, each with its line, so that a file can be corrected in one go.
type decoder struct {
	file string
	// lines holds the line of each key that the file sets, by the path of the key, such
	// as "channels[0].name".
	lines  map[string]int
	faults []fault
	// readable is false if the text is not a YAML mapping, so that it makes no sense to
	// validate it.
	readable bool
}

type fault struct {
	line       int // 0: the fault is about the whole file
	path, text string
}

// defaulter is an element of a list that has defaults.
type defaulter interface{ SetDefaults() }

func newDecoder(file string) *decoder {
	return &decoder{file: file, lines: map[string]int{}}
}

// fault notes what is wrong with a key. If the file does not set the key, the fault has the
// line of the nearest key around it.
func (d *decoder) fault(path, format string, args ...any) {
	line := 0
	for p := path; p != ""; p = parentPath(p) {
		if line = d.lines[p]; line != 0 {
			break
		}
	}
	d.faultAt(line, path, format, args...)
}

func (d *decoder) faultAt(line int, path, format string, args ...any) {
	d.faults = append(d.faults, fault{line, path, fmt.Sprintf(format, args...)})
}

func (d *decoder) err() error {
	slices.SortStableFunc(d.faults, func(a, b fault) int { return a.line - b.line })
	errs := make([]error, len(d.faults))
	for i, f := range d.faults {
		place := d.file
		if f.line > 0 {
			place += ":" + strconv.Itoa(f.line)
		}
		if f.path != "" {
			place += ": " + f.path
		}
		errs[i] = fmt.Errorf("%s: %s", place, f.text)
	}
	return errors.Join(errs...)
}

func parentPath(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func joinPath(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// document reads text into the struct that v points to.
func (d *decoder) document(text []byte, v any) {
	reader := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	switch err := reader.Decode(&root); {
	case errors.Is(err, io.EOF): // an empty file sets nothing
		d.readable = true
		return
	case err != nil:
		d.syntax(err)
		return
	}
	var second yaml.Node
	if err := reader.Decode(&second); err == nil {
		d.faultAt(second.Line, "", "a second document begins here, but the configuration is one document: remove the line \"---\" and what follows")
		return
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
		return
	}
	d.readable = root.Content[0].Kind == yaml.MappingNode || root.Content[0].Tag == "!!null"
	d.value(root.Content[0], "", reflect.ValueOf(v).Elem())
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax notes an error of the YAML parser, which tells its line in the text.
func (d *decoder) syntax(err error) {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(text, m[0])
	}
	d.faultAt(line, "", "this is not YAML: %s", text)
}

// value reads one node. A null keeps the default, as if the key were absent.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.scalar(n, path, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer: // nil unless the file sets it
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, path, v.Elem())
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Map:
		d.free(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

// mapping reads the keys that are a struct's yaml tags.
func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	fields, accepted := map[string]reflect.Value{}, map[string][]string{}
	var keys []string
	for f := range v.Type().Fields() {
		if key := f.Tag.Get("yaml"); key != "-" {
			fields[key], accepted[key] = v.FieldByIndex(f.Index), strings.Fields(f.Tag.Get("accepts"))
			keys = append(keys, key)
		}
	}
	if n.Kind != yaml.MappingNode {
		d.faultAt(n.Line, path, "%s stands where keys are expected: write keys with values; accepted here are %s", describe(n), strings.Join(keys, ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		inner := joinPath(path, key.Value)
		field, known := fields[key.Value]
		switch {
		case removedKey(inner) != "":
			d.faultAt(key.Line, inner, "this key was removed: %s", removedKey(inner))
		case !known:
			d.faultAt(key.Line, inner, "unknown key%s: accepted here are %s", didYouMean(key.Value, keys), strings.Join(keys, ", "))
		case seen[key.Value] != 0:
			d.faultAt(key.Line, inner, "this key is already set in line %d: remove one of them", seen[key.Value])
		default:
			seen[key.Value] = key.Line
			d.lines[inner] = key.Line
			d.value(n.Content[i+1], inner, field)
			if words := accepted[key.Value]; len(words) > 0 && !slices.Contains(words, field.String()) {
				d.faultAt(n.Content[i+1].Line, inner, "%s", notOneOf(field.String(), words))
			}
		}
	}
}

// list reads a sequence, which replaces the default as a whole.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.faultAt(n.Line, path, "%s stands where a list is expected: begin each entry with \"- \", or write [a, b]", describe(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		inner := fmt.Sprintf("%s[%d]", path, i)
		d.lines[inner] = element.Line
		if e, ok := list.Index(i).Addr().Interface().(defaulter); ok {
			e.SetDefaults()
		}
		d.value(element, inner, list.Index(i))
	}
	v.Set(list)
}

// free reads a mapping whose keys are Directus' business, not ours. It must
// survive the way through JSON.
func (d *decoder) free(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.faultAt(n.Line, path, "%s stands where a mapping is expected: write {field: value}", describe(n))
		return
	}
	values := map[string]any{}
	err := n.Decode(&values)
	if err == nil {
		_, err = json.Marshal(values)
	}
	if err != nil {
		d.faultAt(n.Line, path, "this cannot be sent to Directus as JSON: %s", firstLine(err))
		return
	}
	v.Set(reflect.ValueOf(values))
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	expected := map[reflect.Kind]string{
		reflect.String:  "a text",
		reflect.Bool:    "true or false",
		reflect.Int:     "a whole number",
		reflect.Float64: "a number",
	}[v.Kind()]
	target := v.Addr().Interface()
	if n.Kind != yaml.ScalarNode {
		if _, ok := target.(encoding.TextUnmarshaler); ok {
			expected = "a single value"
		}
		d.faultAt(n.Line, path, "%s stands where %s is expected", describe(n), expected)
		return
	}
	if t, ok := target.(encoding.TextUnmarshaler); ok {
		if err := t.UnmarshalText([]byte(n.Value)); err != nil {
			d.faultAt(n.Line, path, "%s", err)
		}
		return
	}
	// The YAML decoder would cut the fraction off a number and take the rest.
	fraction := v.Kind() == reflect.Int && n.ShortTag() == "!!float"
	if err := n.Decode(target); err != nil || fraction {
		d.faultAt(n.Line, path, "%q is not accepted here: write %s", n.Value, expected)
	}
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return strconv.Quote(n.Value)
	}
}

func firstLine(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}
