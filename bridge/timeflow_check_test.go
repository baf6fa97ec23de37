package bridge_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// wallClocks are the functions that may make a date of a moment, or compare the two,
// and why.
var wallClocks = map[string]string{
	"directus-ircd/cmd/directus-ircd/config.ValidFor": "certificates expire by the wall clock, here as everywhere",

	"(*directus-ircd/cmd/directus-ircd/check.prober).clocks": "it tells how far the two clocks are apart",

	"directus-ircd/directus.wallAt": "the one place in which the wall clock stands in for that of Directus",
}

// Intervals are measured by the monotonic clock, and everything is dated by the clock of
// Directus. The machine's wall clock is for the log.
func TestWallClockIsNotUsed(t *testing.T) {
	list, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo,
		Fset: token.NewFileSet(),
	}, "directus-ircd/...")
	if err != nil {
		t.Fatal(err)
	}
	flow := newTimeFlow(list[0].Fset, "directus-ircd", wallClocks)
	var named []*types.Named
	for _, p := range list {
		if strings.HasSuffix(p.PkgPath, "/directustest") {
			continue // it plays Directus
		}
		for _, err := range p.Errors {
			t.Fatal(err)
		}
		named = append(named, namedTypes(p.Types)...)
		flow.add(p.Syntax, p.TypesInfo)
	}
	flow.implement(named)
	for _, problem := range flow.found {
		t.Error(problem)
	}
	if t.Failed() {
		t.Log("Intervals are between two readings of time.Now; dates are those of Directus (Client.Now, ircd.Backend.Now). What has to be otherwise is named in wallClocks, with its reason.")
	}
	for _, fn := range slices.Sorted(maps.Keys(wallClocks)) {
		if !flow.used[fn] {
			t.Errorf("%s does not need to be allowed the wall clock: %s", fn, wallClocks[fn])
		}
	}
}

func namedTypes(p *types.Package) []*types.Named {
	var list []*types.Named
	for _, name := range p.Scope().Names() {
		if tn, ok := p.Scope().Lookup(name).(*types.TypeName); ok {
			if n, ok := tn.Type().(*types.Named); ok && n.TypeParams().Len() == 0 {
				list = append(list, n)
			}
		}
	}
	return list
}

// The check finds what it is meant to find.
func TestTimeFlow(t *testing.T) {
	const head = `package p
import ("time"; "sync/atomic"; "maps")
type row struct { date time.Time }
type stored struct { At time.Time ` + "`json:\"at\"`" + ` }
type box struct { seen time.Time; many map[string]time.Time }
type clock interface { Now() time.Time }
type wall struct{}
func (wall) Now() time.Time { return time.Now() }
func parse(s string) (r row) { r.date, _ = time.Parse(time.RFC3339, s); return r }
func earlier(a, b time.Time) time.Time { if b.Before(a) { return b }; return a }
func pair() (time.Time, time.Time) { return time.Now(), parse("").date }
var heard atomic.Int64
var b box
var _ = maps.Clone(b.many)
`
	fset := token.NewFileSet()
	std := importer.ForCompiler(fset, "source", nil)
	for body, bad := range map[string]bool{
		`at := time.Now(); _ = time.Since(at)`:                                            false,
		`r := parse(""); _ = r.date.Before(parse("x").date)`:                              false,
		`b.seen = time.Now().Add(time.Hour); _ = b.seen.Before(time.Now())`:               false,
		`a, d := pair(); _ = time.Since(a); _ = d.Unix()`:                                 false,
		`_ = earlier(time.Unix(1, 0), parse("").date)`:                                    false,
		`heard.Store(time.Now().UnixNano())`:                                              true,
		`_ = time.Now().UTC().Format(time.RFC3339)`:                                       true,
		`_ = time.Since(parse("").date)`:                                                  true,
		`_ = parse("").date.After(time.Now().Add(-time.Hour))`:                            true,
		`_ = earlier(parse("").date, time.Now())`:                                         true,
		`b.seen = time.Now(); _ = b.seen.Unix()`:                                          true,
		`b.seen = time.Now(); b = box{seen: time.Unix(7, 0)}`:                             true,
		`b.many = map[string]time.Time{"a": time.Now()}; _ = b.many["a"].Unix()`:          true,
		`for _, at := range b.many { _ = time.Since(at) }; b.many["x"] = parse("").date`:  true,
		`_ = stored{time.Now()}`:                                                          true,
		`_ = map[string]any{"date": time.Now()}`:                                          true,
		`var c clock = wall{}; _ = c.Now().Format("")`:                                    true,
		`a, d := pair(); _ = a.Before(d)`:                                                 true,
		`f := func() time.Time { return time.Now() }; _ = f().Year()`:                     true,
		`f := time.Now; _ = f().Year()`:                                                   true,
		`c := make(chan time.Time, 1); c <- parse("").date; _ = time.Since(<-c)`:          true,
		`list := append([]time.Time(nil), time.Now()); _ = list[0].Equal(parse("").date)`: true,
		`if p := &b.seen; p.Before(time.Now()) { *p = parse("").date }`:                   true,
		`_ = map[bool]time.Time{true: time.Now()}[true] == parse("").date`:                true,
	} {
		file, err := parser.ParseFile(fset, "p.go", head+"func use() {\n"+body+"\n}", 0)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		info := &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		}
		pkg, err := (&types.Config{Importer: std}).Check("p", fset, []*ast.File{file}, info)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		flow := newTimeFlow(fset, "p", nil)
		flow.add([]*ast.File{file}, info)
		flow.implement(namedTypes(pkg))
		if (len(flow.found) > 0) != bad {
			t.Errorf("%s: found %v", body, flow.found)
		}
	}
}
