package bridge_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A timeFlow tells moments from dates. Both are time.Time: a moment comes from time.Now
// and is good for intervals alone, which the monotonic clock measures; a date comes
// from Directus, a file or a text, and is told. A moment that is told, stored or compared
// with a date depends on the machine's wall clock.
//
// It joins the variables, fields, parameters and results between which a time flows or
// which are compared, in all packages at once, until one of them is both. What a
// variable holds stands for the variable: the elements of a slice, map or channel, and
// the result of a function.
type timeFlow struct {
	fset    *token.FileSet
	own     string // prefix of the import paths that are looked at
	parent  map[string]string
	allowed map[string]string // by function; reasons
	used    map[string]bool   // of allowed
	found   []string

	info *types.Info // of the package at hand
	in   string      // the function at hand
}

const (
	moment = "a moment"
	date   = "a date"
)

func newTimeFlow(fset *token.FileSet, own string, allowed map[string]string) *timeFlow {
	return &timeFlow{fset: fset, own: own, parent: map[string]string{}, allowed: allowed, used: map[string]bool{}}
}

// join makes two one. Where a moment meets a date that is noted, and they stay two.
func (f *timeFlow) join(a, b string, at token.Pos) {
	if a == "" || b == "" {
		return
	}
	a, b = f.root(a), f.root(b)
	switch {
	case a == b:
	case b != moment && b != date:
		f.parent[b] = a
	case a != moment && a != date:
		f.parent[a] = b
	case f.allowed[f.in] != "":
		f.used[f.in] = true
	default:
		f.found = append(f.found, fmt.Sprintf("%s: in %s a moment of our clock is used as a date, or a date as a moment", f.fset.Position(at), f.in))
	}
}

func (f *timeFlow) root(a string) string {
	for f.parent[a] != "" {
		a = f.parent[a]
	}
	return a
}

// add looks at a package.
func (f *timeFlow) add(files []*ast.File, info *types.Info) {
	f.info = info
	for _, file := range files {
		for _, decl := range file.Decls {
			f.in = ""
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				f.walk(decl, nil)
				continue
			}
			obj := info.Defs[fn.Name].(*types.Func)
			f.in = obj.FullName()
			f.walk(decl, f.signature(f.keyOf(obj), obj.Signature()))
		}
	}
}

// signature joins the parameters of a function, as its body knows them, with those that
// its callers know, and returns what its results are called.
func (f *timeFlow) signature(fn string, sig *types.Signature) (results []string) {
	for i := range sig.Params().Len() {
		f.join(f.keyOf(sig.Params().At(i)), fmt.Sprint(fn, " parameter ", i), token.NoPos)
	}
	for i := range sig.Results().Len() {
		key := resultKey(fn, i)
		f.join(f.keyOf(sig.Results().At(i)), key, token.NoPos)
		results = append(results, key)
	}
	return results
}

// resultKey names a result. The first is what the function stands for, as a value.
func resultKey(fn string, i int) string {
	if i == 0 {
		return fn
	}
	return fmt.Sprint(fn, " result ", i)
}

// implement joins the methods of interfaces with those of the types that have them.
func (f *timeFlow) implement(named []*types.Named) {
	for _, i := range named {
		face, ok := i.Underlying().(*types.Interface)
		for _, n := range named {
			if p := types.NewPointer(n); ok && !types.IsInterface(n) && types.Implements(p, face) {
				for m := range face.Methods() {
					has, _, _ := types.LookupFieldOrMethod(p, true, m.Pkg(), m.Name())
					for k := range m.Signature().Results().Len() {
						f.join(resultKey(f.keyOf(m), k), resultKey(f.keyOf(has), k), m.Pos())
					}
					for k := range m.Signature().Params().Len() {
						f.join(fmt.Sprint(f.keyOf(m), " parameter ", k), fmt.Sprint(f.keyOf(has), " parameter ", k), m.Pos())
					}
				}
			}
		}
	}
}

// keyOf names a variable, field or function by its place, which is the same for all
// packages that import it.
func (f *timeFlow) keyOf(obj types.Object) string {
	switch o := obj.(type) {
	case *types.Func:
		obj = o.Origin()
	case *types.Var:
		obj = o.Origin()
	}
	if obj.Pkg() == nil || !obj.Pos().IsValid() {
		return ""
	}
	return f.fset.Position(obj.Pos()).String()
}

// walk looks at all that is in a node of a function that has these results.
func (f *timeFlow) walk(node ast.Node, results []string) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			key := f.fset.Position(n.Pos()).String()
			f.walk(n.Body, f.signature(key, f.info.TypeOf(n).(*types.Signature)))
			return false
		case *ast.AssignStmt:
			f.assign(n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			names := make([]ast.Expr, len(n.Names))
			for i, name := range n.Names {
				names[i] = name
			}
			f.assign(names, n.Values)
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if e != nil && holdsTime(f.info.TypeOf(e)) {
					f.join(f.node(e), f.node(n.X), n.Pos())
				}
			}
		case *ast.ReturnStmt:
			f.returns(n, results)
		case *ast.SendStmt:
			f.flow(f.node(n.Chan), f.info.TypeOf(n.Chan).Underlying().(*types.Chan).Elem(), n.Value)
		case *ast.BinaryExpr:
			if holdsTime(f.info.TypeOf(n.X)) {
				f.join(f.node(n.X), f.node(n.Y), n.Pos())
			}
		case *ast.CompositeLit:
			f.literal(n)
		case *ast.StructType:
			f.fields(n)
		case *ast.CallExpr:
			f.call(n)
		}
		return true
	})
}

// flow is what happens when a value goes to a place of a type. A time that becomes a
// value of any type is told, or stored.
func (f *timeFlow) flow(to string, t types.Type, e ast.Expr) {
	if !holdsTime(f.info.TypeOf(e)) {
		return
	}
	if types.IsInterface(t) {
		to = date
	}
	f.join(to, f.node(e), e.Pos())
}

func (f *timeFlow) assign(to, from []ast.Expr) {
	if len(to) == len(from) {
		for i := range to {
			if t := f.info.TypeOf(to[i]); t != nil { // not to _
				f.flow(f.node(to[i]), t, from[i])
			}
		}
		return
	}
	for i := range to {
		if t := f.info.TypeOf(to[i]); t != nil && holdsTime(t) && len(from) == 1 {
			f.join(f.node(to[i]), f.result(from[0], i), to[i].Pos())
		}
	}
}

// result is the i-th of what an expression gives.
func (f *timeFlow) result(e ast.Expr, i int) string {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if fn := f.callee(call); fn != nil && f.isOwn(fn) {
			return resultKey(f.keyOf(fn), i)
		}
	}
	return f.node(e)
}

func (f *timeFlow) returns(n *ast.ReturnStmt, results []string) {
	for i, key := range results {
		switch {
		case len(n.Results) == len(results):
			if holdsTime(f.info.TypeOf(n.Results[i])) {
				f.join(key, f.node(n.Results[i]), n.Pos())
			}
		case len(n.Results) == 1:
			if tuple := f.info.TypeOf(n.Results[0]).(*types.Tuple); holdsTime(tuple.At(i).Type()) {
				f.join(key, f.result(n.Results[0], i), n.Pos())
			}
		}
	}
}

// literal looks at what a composite literal is made of.
func (f *timeFlow) literal(n *ast.CompositeLit) {
	t := f.info.TypeOf(n)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	for i, e := range n.Elts {
		kv, _ := e.(*ast.KeyValueExpr)
		switch t := t.Underlying().(type) {
		case *types.Struct:
			field := t.Field(min(i, t.NumFields()-1))
			if kv != nil {
				field, e = f.info.Uses[kv.Key.(*ast.Ident)].(*types.Var), kv.Value
			}
			f.flow(f.keyOf(field), field.Type(), e)
		case interface{ Elem() types.Type }:
			if kv != nil {
				e = kv.Value
			}
			f.flow(f.node(n), t.Elem(), e)
		}
	}
}

// fields finds those that are stored.
func (f *timeFlow) fields(n *ast.StructType) {
	for _, field := range n.Fields.List {
		if field.Tag != nil && strings.Contains(field.Tag.Value, "json:") && holdsTime(f.info.TypeOf(field.Type)) {
			for _, name := range field.Names {
				f.join(f.keyOf(f.info.Defs[name]), date, name.Pos())
			}
		}
	}
}

// isOwn reports that a function is among what is looked at.
func (f *timeFlow) isOwn(o types.Object) bool {
	return o.Pkg() != nil && (o.Pkg().Path() == f.own || strings.HasPrefix(o.Pkg().Path(), f.own+"/"))
}

// callee is the function or the method that is called; nil for a value.
func (f *timeFlow) callee(n *ast.CallExpr) *types.Func {
	e := ast.Unparen(n.Fun)
	if i, ok := e.(*ast.IndexExpr); ok {
		e = i.X
	}
	switch e := e.(type) {
	case *ast.Ident:
		fn, _ := f.info.Uses[e].(*types.Func)
		return fn
	case *ast.SelectorExpr:
		fn, _ := f.info.Uses[e.Sel].(*types.Func)
		return fn
	}
	return nil
}

// call looks at what a call does with its arguments.
func (f *timeFlow) call(n *ast.CallExpr) {
	sig, ok := f.info.TypeOf(n.Fun).Underlying().(*types.Signature)
	if !ok {
		return // a conversion, or a builtin
	}
	fn := f.callee(n)
	if fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "time" {
		f.callTime(n, fn)
		return
	}
	for i, arg := range n.Args {
		p := sig.Params().At(min(i, sig.Params().Len()-1))
		t, key := p.Type(), ""
		if sig.Variadic() && i >= sig.Params().Len()-1 && !n.Ellipsis.IsValid() {
			t = t.(*types.Slice).Elem()
		}
		switch {
		case fn != nil && f.isOwn(fn):
			key = fmt.Sprint(f.keyOf(fn), " parameter ", min(i, sig.Params().Len()-1))
		case fn != nil && strings.Contains(fn.Name(), "Deadline"):
			key = moment
		}
		f.flow(key, t, arg)
	}
}

// told are the methods of time.Time whose result is that of the wall clock.
var told = strings.Fields("UTC In Local Round Truncate Format AppendFormat String Unix UnixMilli UnixMicro UnixNano " +
	"Date Clock Year Month Day Hour Minute Second Nanosecond Weekday YearDay ISOWeek MarshalJSON MarshalText")

func (f *timeFlow) callTime(n *ast.CallExpr, fn *types.Func) {
	recv := ""
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
		recv = f.node(sel.X)
	}
	switch name := fn.Name(); {
	case name == "Since" || name == "Until":
		f.join(moment, f.node(n.Args[0]), n.Pos())
	case recv != "" && slices.Contains(told, name):
		f.join(date, recv, n.Pos())
	case recv != "" && len(n.Args) == 1 && holdsTime(f.info.TypeOf(n.Args[0])): // compared
		f.join(recv, f.node(n.Args[0]), n.Pos())
	}
}
